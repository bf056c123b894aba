"""Every config's training at debug size on a few real clips, without the files that a workdir would hold."""

import dataclasses
import functools
import importlib

import numpy as np
import optax
from filled import filled

from futurepred_jax import factory
from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.pipeline import ArraySource
from futurepred_jax.factory.assets import AbstractAssets
from futurepred_jax.factory.data import LABELS
from futurepred_jax.factory.jobs import JOBS
from futurepred_jax.factory.layout import RULES
from futurepred_jax.models.parts import TokenizerModel
from futurepred_jax.training.sharding import LargestAxis

BATCH = 8
RATE = 0.02  # larger, and a rounding's difference is carried over the kink of a rectifier within three steps
FIELDS = ("video", "instance", "noise", "index", *LABELS)
CLIPS = 3 * BATCH
EVERYTHING = (*RULES[:-1], (".*", LargestAxis(min_size=1)))  # at this size the real rule would split little
UNOPTIMISED = {"xla_backend_optimization_level": "0", "xla_llvm_disable_expensive_passes": True}


class Made(AbstractAssets):
    """Real clips; tokens and the weights of what would be trained already at random."""

    def clips(self, split):
        del split
        return ArraySource(_clips(factory.spec(self._config)))

    def tokens(self, split):
        rng, blank = np.random.default_rng(0), super().tokens(split)
        (grid, kind), sizes = _shape(blank, "tokens"), self.tokenizer.sizes
        fields = {"tokens": rng.integers(0, sizes, (CLIPS, *grid)).astype(kind)}
        asked = set(blank.batch(np.array([0]))) - set(fields)
        context, clips = self._config.data.context_frames, self.clips(split).batch(np.arange(CLIPS))
        frames = {"context": clips["noisy"][:, :context], "future": clips["video"][:, context:]}
        return ArraySource(fields | {name: frames[name] for name in asked})

    def perceptual(self, module):
        return filled(super().perceptual(module))

    @functools.cached_property
    def tokenizer(self):
        shapes = super().tokenizer
        return TokenizerModel(shapes.module, filled(shapes.variables))


def _shape(source, name):
    row = source.batch(np.array([0]))[name]
    return row.shape[1:], row.dtype


@functools.cache
def _clips(spec):
    clips = [make_clip(spec, "train", index, FIELDS) for index in range(CLIPS)]
    clips = [{**clip, "noisy": noisy(spec, "train", clip)} for clip in clips]
    return {name: np.stack([clip[name] for clip in clips]) for name in clips[0]}


def debug_config(name):
    """What is trained from the first step on: the codebook is in use, and the discriminator plays."""
    config = importlib.import_module(f"futurepred_jax.configs.{name}").get_config("debug")
    for part in (config, config.get("tokenizer", {}).get("config", {})):
        if "warm_steps" in part.get("objective", {}):
            part.objective.warm_steps = 0
    if "realism" in config:
        config.realism.start = 0
    return config


def make_job(name, *, accumulate=1, **changes):
    config = debug_config(name)
    config.train.accumulate = accumulate
    config.train.batch_size = BATCH
    config.logging.val_batches = 1
    settings = {
        "optimizer": optax.sgd(RATE, momentum=0.0),  # whose state is the last step's gradients
        "steps": 3,
        "seed": 0,
        "log_every": 1,
        "validate_every": 3,
        "checkpoint_every": 3,
        "sharding_rules": EVERYTHING,
        "compiler_options": {"cpu": UNOPTIMISED},
    }
    return dataclasses.replace(JOBS[config.kind](config, Made(config)), **{**settings, **changes})
