"""Every config of every preset lowers for TPU and for GPU, the step that trains and what is asked of the model."""

import importlib

import jax
import pytest

from futurepred_jax import compile_ahead, factory
from futurepred_jax.configs import NAMES, shared
from futurepred_jax.training import sharding
from futurepred_jax.training.program import lay_out

PLATFORMS = ("tpu", "cuda")


def config_of(name, preset):
    return importlib.import_module(f"futurepred_jax.configs.{name}").get_config(preset)


def case(name, preset):
    """The smallest preset of every config, and a large one of the plain ones, are quick; the rest is slow to trace."""
    quick = preset == "debug" or (preset == "base" and name in ("baseline", "tokenizer"))
    return pytest.param(name, preset, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize(("name", "preset"), [case(name, preset) for name in NAMES for preset in shared.PRESETS])
def test_training_and_inference_lower_for_tpu_and_gpu(name, preset):
    config, device = config_of(name, preset), jax.devices()[0]
    job = factory.abstract_job(config)
    layout = lay_out(job, sharding.make_mesh(job.mesh_shape, [device]))
    step = compile_ahead.step_call(job, layout)
    inference = compile_ahead.inference_call(factory.abstract_inference(config), device)
    for call in (step, inference):
        exported = jax.export.export(call.function, platforms=PLATFORMS)(*call.arguments)
        assert exported.platforms == PLATFORMS
        assert len(exported.in_avals) == len(jax.tree.leaves(call.arguments))
