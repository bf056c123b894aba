"""The description of a training as plain functions, data sources and numbers, which the training loop runs."""

import dataclasses
from collections.abc import Callable, Mapping

import optax
from jaxtyping import Array, PyTree

from futurepred_jax.data.pipeline import Source
from futurepred_jax.training import sharding
from futurepred_jax.training.state import Init
from futurepred_jax.training.step import LossFn

Validate = Callable[[PyTree, PyTree, PyTree], dict[str, Array]]
"""Pure function ``(params, model_state, batch) -> metrics``; each metric is a mean over the batch."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One training.

    Attributes:
        model: Name of the model, for ``summary.json``.
        init: Function from a key to parameters and model state.
        loss: The objective.
        validate: Function of held-out scores.
        optimizer: The optimizer.
        train_source: Training clips or tokens.
        val_source: Held-out clips or tokens.
        batch_keys: Fields of a batch that ``loss`` and ``validate`` read; None for all.
        steps: Number of updates.
        batch_size: Rows of the global batch.
        val_batches: Number of held-out batches of a validation.
        seed: Seed of initialisation, batches and random keys.
        log_every: Steps between two lines of the log; the last step is logged, too.
        validate_every: Steps between two validations; the last step is validated, too.
        checkpoint_every: Steps between two checkpoints; the last step is saved, too.
        ema_decay: Decay of the average of the parameters, in [0, 1); 0 keeps no average.
        on_nan: ``stop`` or ``skip``, for steps whose loss is not finite or has exploded.
        best: Name of the held-out score, the lower the better, whose best checkpoint is kept; None for none.
        profile: FIRST:LAST, the steps to trace with the profiler; "" for none.
        mesh_shape: Number of devices along each mesh axis; -1 for all that remain.
        sharding_rules: Rules of the shardings of the state.
        flops_per_step: Analytic floating-point operations of a forward and backward pass of the global batch.
        tokens_per_clip: Number of tokens of a clip, for throughput; None if the model has none.
        compiler_options: Options of XLA, by platform.

    Raises:
        ValueError: If a number is out of range, or the held-out source is too short for a validation.
    """

    model: str
    init: Init
    loss: LossFn
    validate: Validate
    optimizer: optax.GradientTransformation
    train_source: Source
    val_source: Source
    batch_keys: tuple[str, ...] | None = None
    steps: int
    batch_size: int
    val_batches: int
    seed: int
    log_every: int
    validate_every: int
    checkpoint_every: int
    ema_decay: float = 0.0
    on_nan: str = "stop"
    best: str | None = None
    profile: str = ""
    mesh_shape: Mapping[str, int] = dataclasses.field(default_factory=lambda: {"data": -1})
    sharding_rules: sharding.Rules = sharding.FSDP
    flops_per_step: float
    tokens_per_clip: int | None = None
    compiler_options: Mapping[str, Mapping[str, str | bool]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks the numbers before anything is allocated."""
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
