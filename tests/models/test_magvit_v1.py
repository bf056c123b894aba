"""MAGVIT's first tokenizer has its published grid, sees the future, and no predictor takes it."""
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax import factory, modes
from futurepred_jax.configs import baseline, magvit_v1
from futurepred_jax.models import streaming
from futurepred_jax.models.magvit_v1 import MagVitV1
from futurepred_jax.models.quantizers import VQ

STRIDES = ((2, 2, 2), (2, 2, 2), (1, 2, 2))
MODEL = MagVitV1(channels=(4,) * 4, blocks=(1,) * 4, strides=STRIDES, quantizer=VQ(64, 4))


def test_stages_have_the_published_widths_and_clips_come_back():
    model = MagVitV1((64, 128, 128, 256), (2, 2, 2, 2), STRIDES, VQ(1024, 256))
    clip = jax.ShapeDtypeStruct((2, 16, 16, 16, 3), jnp.float32)

    def run(key, clip):
        (drawn, quantized), variables = model.init_with_output(key, clip)
        return drawn, quantized.tokens, variables

    drawn, tokens, variables = jax.eval_shape(run, jax.random.key(0), clip)
    assert tokens.shape == (2, *model.grid(16, 16, 16), 1) == (2, 4, 2, 2, 1)
    assert drawn.shape == clip.shape
    widths = [variables["params"]["encoder"][f"Block_{i}"]["SameConv_1"]["kernel"].shape[-1] for i in range(10)]
    assert widths == [64, 64, 128, 128, 128, 128, 256, 256, 256, 256]


@pytest.mark.slow
def test_tokens_of_its_first_frames_change_with_the_last():
    clip = jax.random.uniform(jax.random.key(1), (1, 8, 16, 16, 3), minval=-1)
    variables = jax.jit(MODEL.init)(jax.random.key(0), clip)
    latents = jax.jit(lambda clip: MODEL.apply(variables, clip, method="latents"))
    before, after = latents(clip), latents(clip.at[:, -1].multiply(-1))
    assert jnp.all(jnp.any(before[:, 0] != after[:, 0], axis=-1))


@pytest.mark.slow
def test_clips_are_taken_at_once_where_a_causal_tokenizer_takes_chunks():
    clip = jax.random.uniform(jax.random.key(1), (1, 8, 16, 16, 3), minval=-1)
    variables = jax.jit(MODEL.init)(jax.random.key(0), clip)
    drawn, quantized = jax.jit(MODEL.apply)(variables, clip)
    tokens = streaming.encode(MODEL, variables, clip, chunk=1)
    np.testing.assert_array_equal(tokens, quantized.tokens)
    found = streaming.decode(MODEL, variables, tokens, chunk=1)
    np.testing.assert_allclose(found, jnp.clip(drawn, -1, 1), atol=1e-5)


def test_clips_that_do_not_divide_are_refused_with_the_rule():
    for shape in ((17, 16, 16), (16, 12, 16)):
        with pytest.raises(ValueError, match="magvit_v1 needs multiples of 4×8×8"):
            MODEL.grid(*shape)


def test_a_predictor_on_it_is_refused_with_the_reason_before_anything_is_trained(tmp_path):
    config = baseline.get_config("debug")
    config.tokenizer.config = magvit_v1.get_config("debug")
    for refused in (lambda: modes.train_model(config, tmp_path / "baseline"), lambda: factory.abstract_job(config)):
        with pytest.raises(ValueError, match="magvit_v1 is for reconstruction only: its context tokens see the future"):
            refused()
    assert not list(tmp_path.iterdir())


def test_an_unknown_architecture_lists_the_known():
    config = magvit_v1.get_config("debug")
    config.model.name = "magvit_v3"
    with pytest.raises(ValueError, match=r"config\.model\.name 'magvit_v3': known are magvit, image_magvit, magvit_v1"):
        factory.make_magvit(config)
