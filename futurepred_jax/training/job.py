"""What the training loop is given: everything about one training, as plain functions, sources and numbers."""

import dataclasses
from collections.abc import Callable, Mapping

import optax
from jaxtyping import Array, PyTree

from futurepred_jax.data.pipeline import Source
from futurepred_jax.training import sharding
from futurepred_jax.training.state import Init
from futurepred_jax.training.step import LossFn

Validate = Callable[[PyTree, PyTree, PyTree], dict[str, Array]]
"""``(params, model_state, batch) -> metrics``, each the mean over the batch; pure, traced by ``jit``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One training. Batch sizes are global; every "every" is in steps, and each also happens at the last step.

    Raises:
        ValueError: When a number is out of range, or the held-out source is too short for the validation asked for.
    """

    model: str  # its name, for summary.json
    init: Init
    loss: LossFn
    validate: Validate
    optimizer: optax.GradientTransformation
    train_source: Source
    val_source: Source
    batch_keys: tuple[str, ...] | None = None  # fields of a batch that loss and validate read; None: all
    steps: int
    batch_size: int
    val_batches: int
    seed: int
    log_every: int
    validate_every: int
    checkpoint_every: int
    ema_decay: float = 0.0  # 0: no average is kept
    on_nan: str = "stop"  # or "skip": what a step does whose loss is not finite, or exploded
    best: str | None = None  # held-out score, the lower the better, whose best checkpoint is kept beside the newest
    profile: str = ""  # FIRST:LAST, the steps that a profiler traces
    mesh_shape: Mapping[str, int] = dataclasses.field(default_factory=lambda: {"data": -1})
    sharding_rules: sharding.Rules = sharding.FSDP
    flops_per_step: float  # analytic, forward and backward of the global batch
    tokens_per_clip: int | None = None
    compiler_options: Mapping[str, Mapping[str, str | bool]] = dataclasses.field(default_factory=dict)  # by platform

    def __post_init__(self) -> None:
        """Check the numbers before anything is allocated."""
        for name in ("steps", "batch_size", "val_batches", "log_every", "validate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if not 0.0 <= self.ema_decay < 1.0:
            raise ValueError(f"ema_decay is {self.ema_decay}: it must be in [0, 1), where 0 keeps no average")
        if self.on_nan not in ("stop", "skip"):
            raise ValueError(f"config.train.on_nan {self.on_nan!r}: known are stop, skip")
        held_out = self.val_batches * self.batch_size
        if held_out > len(self.val_source):
            raise ValueError(
                f"validation of {self.val_batches} batches of {self.batch_size} needs {held_out} held-out clips, and "
                f"there are {len(self.val_source)}; raise --config.evaluation.clips, or lower "
                "--config.logging.val_batches or --config.train.batch_size (of a part of a predictor, those below it: "
                "--config.tokenizer.config.train.batch_size)"
            )
