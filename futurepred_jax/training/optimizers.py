"""The optimizers, as optax chains."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from futurepred_jax.training.orthogonal import orthogonalised

MOMENTUM = 0.95  # of Muon
ADAM_MODULES = "heads_"  # prefix of the names of output layers, of which Muon leaves the kernels to NAdamW
ADAM_PARENT = "network"  # name of the networks of motion pathways, all of whose parameters are left to NAdamW


def adamw(
    *,
    learning_rate: float,
    warmup_steps: int,
    steps: int,
    end_factor: float = 0.1,
    weight_decay: float = 0.0,
    clip_norm: float = 1.0,
    b1: float = 0.9,
    b2: float = 0.99,
) -> optax.GradientTransformation:
    """AdamW (Loshchilov & Hutter, 2019) with linear warm-up, cosine decay and clipping by the global norm.

    Args:
        learning_rate: The peak, reached after ``warmup_steps`` updates.
        warmup_steps: Updates of linear warm-up; the first already moves.
        steps: Updates in all, warm-up included, after which the rate stays at its end value.
        end_factor: The end value as a share of the peak.
        weight_decay: Decay per unit of learning rate, on matrices and kernels only (arrays of two axes or more).
        clip_norm: Largest global norm of a gradient.
        b1: Decay of the first moment.
        b2: Decay of the second moment.

    Raises:
        ValueError: If warm-up leaves no step for the decay, or a rate or norm is not positive.
    """
    _require_positive(learning_rate, clip_norm)
    schedule = warmup_cosine(learning_rate, warmup_steps=warmup_steps, steps=steps, end_factor=end_factor)

    def chain(learning_rate: float | jax.Array) -> optax.GradientTransformation:
        return optax.chain(
            optax.clip_by_global_norm(clip_norm),
            optax.adamw(learning_rate, b1=b1, b2=b2, weight_decay=weight_decay, mask=is_matrix),
        )

    return optax.inject_hyperparams(chain)(learning_rate=schedule)  # so that the rate in use can be logged


def muon(
    *,
    learning_rate: float,
    adam_learning_rate: float,
    warmup_steps: int,
    steps: int,
    end_factor: float = 0.1,
    weight_decay: float = 0.0,
    clip_norm: float = 1.0,
    b2: float = 0.99,
) -> optax.GradientTransformation:
    """Muon (Jordan et al., 2024) for hidden kernels (see ``hidden_kernels``) and NAdamW for all other parameters.

    Both use Nesterov momentum. Weight decay applies to all arrays, including biases and norms, as in
    ``optax.contrib.muon``.

    Args:
        learning_rate: The peak of Muon's rate, reached after ``warmup_steps`` updates. It is the spectral norm of an
            update, times √(outputs / inputs) where that exceeds 1.
        adam_learning_rate: The peak of NAdamW's rate, on the same schedule.
        warmup_steps: Updates of linear warm-up; the first already moves.
        steps: Updates in all, warm-up included, after which the rate stays at its end value.
        end_factor: The end value as a share of the peak.
        weight_decay: Decay per unit of learning rate, of all arrays.
        clip_norm: Largest global norm of a gradient.
        b2: Decay of NAdamW's second moment.

    Raises:
        ValueError: If warm-up leaves no step for the decay, or a rate or norm is not positive.
    """
    _require_positive(learning_rate, clip_norm)
    _require_positive(adam_learning_rate, clip_norm)
    schedule = warmup_cosine(learning_rate, warmup_steps=warmup_steps, steps=steps, end_factor=end_factor)

    def chain(learning_rate: float | jax.Array) -> optax.GradientTransformation:
        muon = optax.chain(
            optax.trace(MOMENTUM, nesterov=True),
            orthogonalised(),
            optax.add_decayed_weights(weight_decay),
            optax.scale_by_learning_rate(learning_rate),
        )
        adam = optax.nadamw(learning_rate * (adam_learning_rate / peak), b2=b2, weight_decay=weight_decay)
        return optax.chain(
            optax.clip_by_global_norm(clip_norm),
            optax.partition({"muon": muon, "adam": adam}, labels),
        )

    labels = lambda params: jax.tree.map({True: "muon", False: "adam"}.get, hidden_kernels(params))  # noqa: E731
    peak = learning_rate
    return optax.inject_hyperparams(chain)(learning_rate=schedule)


def adamw_by_part(*, clip_norm: float = 1.0, **settings: Any) -> optax.GradientTransformation:
    """``adamw`` with the gradient of each top-level module clipped by its own norm.

    Modules with separate losses, such as a tokenizer and a discriminator, then do not change each other's updates.

    Args:
        clip_norm: Largest norm of the gradient of a module.
        settings: The other arguments of ``adamw``.

    Raises:
        ValueError: If warm-up leaves no step for the decay, or a rate or norm is not positive.
    """
    return optax.chain(clip_parts(clip_norm), adamw(clip_norm=math.inf, **settings))


def clip_parts(clip_norm: float) -> optax.GradientTransformation:
    """Returns a transformation that scales the gradient of each top-level module to a norm of at most ``clip_norm``."""
    clip = optax.clip_by_global_norm(clip_norm).update

    def init(params: PyTree) -> PyTree:
        del params
        return optax.EmptyState()

    def update(updates: PyTree, state: PyTree, params: PyTree = None) -> tuple[PyTree, PyTree]:
        del params
        return {name: clip(part, optax.EmptyState())[0] for name, part in updates.items()}, state

    return optax.GradientTransformation(init, update)


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "adamw": adamw,
    "adamw_by_part": adamw_by_part,
    "muon": muon,
}


def with_rates(optimizer: optax.GradientTransformation, rates: Mapping[str, float]) -> optax.GradientTransformation:
    """Scales the updates of some modules, weight decay included, to a share of the learning rate.

    Args:
        optimizer: The optimizer of all parameters.
        rates: The share of each module, by its path, such as "pathways/i3d/network"; other modules have the share 1.

    Raises:
        ValueError: At initialisation, if the parameters have no such module.
    """

    def share(path: tuple) -> float:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        return next((rate for part, rate in rates.items() if name.startswith(f"{part}/")), 1.0)

    def init(params: PyTree) -> PyTree:
        names = [
            jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in jax.tree.leaves_with_path(params)
        ]
        if missing := [part for part in rates if not any(name.startswith(f"{part}/") for name in names)]:
            raise ValueError(f"rates of {', '.join(missing)}: no parameter is in them; there are {', '.join(params)}")
        return optax.EmptyState()

    def update(updates: PyTree, state: PyTree, params: PyTree = None) -> tuple[PyTree, PyTree]:
        del params
        return jax.tree.map_with_path(lambda path, update: share(path) * update, updates), state

    return optax.chain(optimizer, optax.GradientTransformation(init, update)) if rates else optimizer


def hidden_kernels(params: PyTree) -> PyTree:
    """Marks the arrays that Muon updates: all kernels except those of output layers and of pathways' networks.

    Output layers are known by the names of their modules, which start with ``heads_`` (``models.blocks.TokenHead``,
    ``models.outlook.Outlook``). A pathway's network is a module named ``network`` (``models.pathway.Pathway``); it is
    fine-tuned, and compiling an orthogonalisation for each of its dozens of kernels takes most of a minute.

    Args:
        params: The parameters.

    Returns:
        A pytree of the same structure with a bool for each array.
    """

    def rule(path: tuple, _: Any) -> bool:
        *modules, name = (str(entry.key) for entry in path)
        return name == "kernel" and not any(
            module.startswith(ADAM_MODULES) or module == ADAM_PARENT for module in modules
        )

    return jax.tree.map_with_path(rule, params)


def _require_positive(learning_rate: float, clip_norm: float) -> None:
    if learning_rate <= 0 or clip_norm <= 0:
        raise ValueError(f"learning_rate {learning_rate} and clip_norm {clip_norm} must be positive")


def warmup_cosine(peak: float, *, warmup_steps: int, steps: int, end_factor: float) -> optax.Schedule:
    """Returns a schedule: linear from ``peak / (warmup_steps + 1)`` to ``peak``, then half a cosine.

    Args:
        peak: The largest rate.
        warmup_steps: Updates of linear warm-up.
        steps: Updates in all, warm-up included.
        end_factor: The final rate as a share of the peak.

    Raises:
        ValueError: If ``steps`` is below 1, or ``warmup_steps`` not between 0 and ``steps - 1``.
    """
    if steps < 1:
        raise ValueError(f"steps {steps}: a training needs at least 1")
    if not 0 <= warmup_steps < steps:
        raise ValueError(f"warmup_steps {warmup_steps} must be at least 0 and less than steps {steps}")
    start = peak / (warmup_steps + 1)
    return optax.warmup_cosine_decay_schedule(start, peak, warmup_steps, steps, end_value=end_factor * peak)


def is_matrix(params: PyTree) -> PyTree:
    """Marks arrays of two axes or more: kernels and embeddings, but not biases and scales of norms."""
    return jax.tree.map(lambda x: jnp.ndim(x) >= 2, params)
