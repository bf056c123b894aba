"""A tokenizer of videos that starts as a trained tokenizer of images."""

import jax
import jax.numpy as jnp
from etils import epath
from jaxtyping import PyTree
from ml_collections import ConfigDict

from futurepred_jax.factory.loading import load_tokenizer, restored_config
from futurepred_jax.factory.models import make_magvit
from futurepred_jax.models.inflation import image_strides, inflate
from futurepred_jax.training import identity


def inflated_image(config: ConfigDict) -> PyTree | None:
    """The variables of a tokenizer's config as those of the workdir ``config.init.image``, inflated; None without one.

    Raises:
        ValueError: nothing was trained there, or another model than this one's on images, with what differs.
    """
    place = config.get("init", {}).get("image")
    if not place:
        return None
    trained = identity.read_config(place)
    wanted, found = image_model(config.model), trained.get("model", {})
    if changed := identity.differences({"model": wanted.to_dict()}, {"model": found}):
        raise ValueError(
            f"config.init.image {place} does not hold this model of images:\n  " + "\n  ".join(changed) + "\n"
            "Train configs/image_tokenizer.py with the same model, or name the workdir where that was done"
        )
    variables = load_tokenizer(restored_config(trained), epath.Path(place)).variables
    return inflate(jax.tree.map(jnp.asarray, variables), make_magvit(config))


def image_model(model: ConfigDict) -> ConfigDict:
    """The section ``model`` of the tokenizer of images that is inflated to a tokenizer's."""
    return ConfigDict({**model.to_dict(), "name": "image_magvit", "strides": image_strides(model.strides)})
