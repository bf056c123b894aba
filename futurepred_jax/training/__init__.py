"""Training: state, step, sharding, checkpoints and logs, for pytrees and a loss function, without any module."""
