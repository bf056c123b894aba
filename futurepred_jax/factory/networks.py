"""Config to the networks with published weights that some scores need."""

import functools
from collections.abc import Callable

import jax
from ml_collections import ConfigDict

from futurepred_jax.evaluation.networks import Distance, Networks
from futurepred_jax.models.perceptual import Perceptual
from futurepred_jax.weights.perceptual import perceptual_params


def network_names(config: ConfigDict) -> tuple[str, ...]:
    """Names in ``config.evaluation.networks``.

    Raises:
        ValueError: One is unknown.
    """
    asked = tuple(name.strip() for name in config.evaluation.networks.split(",") if name.strip())
    if unknown := ", ".join(sorted(set(asked) - set(NAMES))):
        raise ValueError(f"config.evaluation.networks: unknown {unknown}; known are {', '.join(NAMES)}")
    return asked


def networks(config: ConfigDict) -> Networks:
    """The networks that a config asks for.

    Raises:
        ValueError: The weights of one are not installed.
    """
    names = network_names(config)
    return Networks(distances={name: make() for name, make in DISTANCES.items() if name in names})


def _lpips(network: str) -> Distance:
    variables, module = {"params": perceptual_params(network)}, Perceptual(network)
    return jax.jit(lambda first, second: module.apply(variables, 2 * first - 1, 2 * second - 1))


DISTANCES: dict[str, Callable[[], Distance]] = {
    "lpips_alex": functools.partial(_lpips, "alex"),
    "lpips_vgg": functools.partial(_lpips, "vgg"),
}
NAMES = (*DISTANCES, "fvd")
