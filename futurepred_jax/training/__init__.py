"""Training: state, step, sharding, checkpoints, logs. It sees pytrees and a loss function, never a module."""
