"""A small regression that learns in a few steps; run as a script it trains in a process of its own, to be killed."""

import dataclasses
import os
import pathlib
import signal
import sys
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from futurepred_jax.data import pipeline
from futurepred_jax.data.pipeline import ArraySource
from futurepred_jax.training.job import Job
from futurepred_jax.training.optimizers import adamw

WIDTH = 16
STEPS = 20


class Loss(NamedTuple):
    value: jax.Array
    model_state: dict
    metrics: dict


def init(key):
    first, second = jax.random.split(key)
    hidden = {"kernel": 0.5 * jax.random.normal(first, (4, WIDTH)), "bias": jnp.zeros(WIDTH)}
    head = {"kernel": 0.5 * jax.random.normal(second, (WIDTH, 1)), "bias": jnp.zeros(1)}
    return {"hidden": hidden, "head": head}, {"seen": jnp.zeros((), jnp.int32), "mean": jnp.zeros(4)}


def predict(params, inputs):
    features = jnp.tanh(inputs @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    return features @ params["head"]["kernel"] + params["head"]["bias"]


def loss(params, model_state, batch, *, key, step):
    noise = 0.01 * jax.random.normal(key, batch["inputs"].shape)  # so that a wrong key shows
    error = predict(params, batch["inputs"] + noise) - batch["targets"]
    value = jnp.mean(error**2)
    mean = 0.9 * model_state["mean"] + 0.1 * jnp.mean(batch["inputs"], axis=0)
    return Loss(value, {"seen": model_state["seen"] + 1, "mean": mean}, {"mae": jnp.mean(jnp.abs(error))})


def validate(params, model_state, batch):
    return {"mse": jnp.mean((predict(params, batch["inputs"]) - batch["targets"]) ** 2)}


def arrays(count, *, seed):
    inputs = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    return {"inputs": inputs, "targets": np.sin(inputs.sum(axis=1, keepdims=True)).astype(np.float32)}


def make_job(**changes):
    fields = {
        "model": "regression",
        "init": init,
        "loss": loss,
        "validate": validate,
        "optimizer": adamw(learning_rate=3e-2, warmup_steps=5, steps=STEPS, weight_decay=1e-2),
        "train_source": ArraySource(arrays(96, seed=1)),
        "val_source": ArraySource(arrays(32, seed=2)),
        "steps": STEPS,
        "batch_size": 16,
        "val_batches": 2,
        "seed": 3,
        "log_every": 4,
        "validate_every": 10,
        "checkpoint_every": 5,
        "ema_decay": 0.9,
        "flops_per_step": 6.0 * 16 * 5 * WIDTH,
    }
    return Job(**{**fields, **changes})


@dataclasses.dataclass
class SignalSource:
    """Sends its own process a signal when a batch is read: the ``at``-th, held until ``after`` exists.

    Its batches are too large to be read several at once.
    """

    source: ArraySource
    number: int
    at: int
    after: pathlib.Path | None
    read: int = 0

    def __len__(self):
        return len(self.source)

    def batch(self, indices):
        self.read += 1
        if self.read == self.at:
            while self.after is not None and not self.after.exists():
                time.sleep(0.01)
            os.kill(os.getpid(), self.number)
        ballast = np.zeros((len(indices), pipeline.AT_ONCE_BYTES // len(indices)), np.uint8)
        return {**self.source.batch(indices), "ballast": ballast}


def signalled_job(number, at, *, after=None, **changes):
    source = SignalSource(ArraySource(arrays(96, seed=1)), number, at, after)
    return dataclasses.replace(make_job(**changes), train_source=source, batch_keys=("inputs", "targets"))


if __name__ == "__main__":
    from futurepred_jax.train import fit

    jax.config.update("jax_num_cpu_devices", 8)
    after = pathlib.Path(sys.argv[1], "checkpoints", sys.argv[4])
    fit(signalled_job(signal.Signals[sys.argv[2]], int(sys.argv[3]), after=after), sys.argv[1])
