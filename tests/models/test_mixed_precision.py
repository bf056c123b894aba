"""Activations in bfloat16: parameters, norms and codes stay float32, nothing stops being finite, little is lost."""
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOperatorIssue=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import filled

from futurepred_jax.models.crossing import Memory
from futurepred_jax.models.i3d import I3D
from futurepred_jax.models.layers import Norm
from futurepred_jax.models.lfq import LFQ
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import FSQ, VQ
from futurepred_jax.models.sampling import token_nll
from futurepred_jax.models.slowfast import SlowFast
from futurepred_jax.models.transformer import Conditioning, Transformer
from futurepred_jax.objectives.tokenizer import TokenizerObjective

FULL = MagVit(channels=(8, 8), blocks=(1, 1), strides=((1, 2, 2), (2, 2, 2)), quantizer=VQ(16, 4))
QUANTIZERS = [VQ(16, 4), pytest.param(FSQ((5, 4, 3)), marks=pytest.mark.slow), LFQ(4)]
QUICK = {"xla_backend_optimization_level": "0"}


def _video():
    return jax.random.uniform(jax.random.key(1), (2, 5, 8, 8, 3), minval=-1)


@pytest.fixture(scope="module")
def variables():
    return jax.jit(FULL.init, compiler_options=QUICK)(jax.random.key(0), _video())


def test_parameters_are_those_of_float32_and_so_are_latents_and_drawings(variables):
    half = FULL.clone(dtype="bfloat16")
    shapes = jax.eval_shape(half.init, jax.random.key(0), _video())
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    latents = jax.eval_shape(lambda: half.apply(variables, _video(), method="latents"))
    drawn = jax.eval_shape(lambda: half.apply(variables, jnp.zeros(latents.shape), method="decode_latents"))
    assert latents.dtype == drawn.dtype == jnp.float32


def test_convolutions_run_in_bfloat16_and_norms_in_float32(variables):
    half = FULL.clone(dtype="bfloat16")
    program = str(jax.make_jaxpr(lambda video: half.apply(variables, video)[0])(_video()))
    convolutions = [line for line in program.splitlines() if "conv_general_dilated[" in line]
    assert convolutions
    assert all(":bf16[" in line.split("=")[0] for line in convolutions)
    roots = [line for line in program.splitlines() if "rsqrt" in line]
    assert roots
    assert all(":f32[" in line.split("=")[0] for line in roots)


def test_a_norm_of_bfloat16_is_float32_s_up_to_the_last_rounding():
    features = (100 + jax.random.normal(jax.random.key(2), (1, 2, 2, 2, 64))).astype(jnp.bfloat16)
    params = Norm().init(jax.random.key(0), features)
    found, want = Norm().apply(params, features), Norm().apply(params, features.astype(jnp.float32))
    assert found.dtype == jnp.bfloat16
    np.testing.assert_array_equal(found, want.astype(jnp.bfloat16))


@pytest.mark.slow
def test_latents_and_drawings_are_near_those_of_float32(variables):
    half = FULL.clone(dtype="bfloat16")
    for method, given in (
        ("latents", _video()),
        ("decode_latents", jax.random.normal(jax.random.key(3), (2, 3, 2, 2, 4))),
    ):
        want, found = (model.apply(variables, given, method=method) for model in (FULL, half))
        assert 0 < jnp.abs(found - want).max() < 0.05 * jnp.abs(want).max()


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=["vq", "fsq", "lfq"])
def test_losses_and_gradients_are_finite_on_flat_and_extreme_clips(quantizer):
    small = MagVit(channels=(8,), blocks=(1,), strides=((4, 4, 4),), quantizer=quantizer, dtype="bfloat16", local=True)
    half = TokenizerObjective(small, (5, 8, 8))
    params, state = half.init(jax.random.key(0))

    @functools.partial(jax.jit, compiler_options=QUICK)
    def value_and_grad(video):
        batch = {"video": video, "noisy": video, "instance": jnp.zeros(video.shape[:-1], jnp.uint8)}
        loss = lambda params: half.loss(params, state, batch, key=jax.random.key(1), step=jnp.array(9)).value  # noqa: E731
        return jax.value_and_grad(loss)(params)

    board = jnp.indices((5, 8, 8)).sum(0)[None, ..., None] % 2 * 255
    for video in (jnp.zeros((2, 5, 8, 8, 3)), jnp.full((2, 5, 8, 8, 3), 255), jnp.broadcast_to(board, (2, 5, 8, 8, 3))):
        value, grads = value_and_grad(video.astype(jnp.uint8))
        assert jnp.isfinite(value)
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def _likelihood(dtype):
    model = Transformer(sizes=(7, 3), grid=(2, 3, 4), width=48, depth=1, heads=2, nearby=8, cross=(0,), dtype=dtype)
    tokens = jax.random.randint(jax.random.key(4), (4, 24, 2), 0, jnp.array([7, 3]))
    memory = Memory(jax.random.normal(jax.random.key(5), (4, 6, 48)), jnp.ones((6, 3)))
    params = jax.eval_shape(lambda: model.init(jax.random.key(0), tokens, Conditioning(memory)))["params"]
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}

    def nll(params):
        logits = model.apply({"params": params}, tokens, Conditioning(memory))
        assert logits.dtype == jnp.float32
        return token_nll(logits, tokens).mean()

    return nll, filled(params)


def test_a_transformer_multiplies_in_bfloat16_and_its_likelihood_is_near_float32_s():
    (full, params), (half, _) = _likelihood("float32"), _likelihood("bfloat16")
    program = [line for line in str(jax.make_jaxpr(half)(params)).splitlines() if "dot_general[" in line]
    assert len(program) > 10
    assert sum(":bf16[" in line.split("=")[0] for line in program) > len(program) / 2  # rotations and logits are not
    with_grad = functools.partial(jax.jit, compiler_options=QUICK)
    (want, slope), (found, half_slope) = (with_grad(jax.value_and_grad(f))(params) for f in (full, half))
    np.testing.assert_allclose(found, want, rtol=1e-2)
    norm = lambda tree: np.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))  # noqa: E731
    assert 0 < norm(jax.tree.map(jnp.subtract, slope, half_slope)) < 0.1 * norm(slope)
    assert {leaf.dtype for leaf in jax.tree.leaves(half_slope)} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    "network",
    [I3D(num_classes=4, width=8, blocks=(1, 1, 1, 1)), SlowFast(num_classes=4, width=8, blocks=(1, 1, 1, 1), alpha=2)],
)
def test_a_motion_network_convolves_in_bfloat16_and_its_logits_are_near_float32_s(network):
    video, half = jax.random.uniform(jax.random.key(6), (2, 4, 32, 32, 3), minval=-1), network.clone(dtype="bfloat16")
    variables = filled(jax.eval_shape(half.init, jax.random.key(0), video))
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    run = lambda one: jax.jit(one.apply, compiler_options=QUICK)(variables, video)  # noqa: E731
    want, found = run(network), run(half)
    assert {features.dtype for features in found.features.values()} == {jnp.dtype("bfloat16")}
    assert found.logits.dtype == jnp.float32
    assert 0 < jnp.abs(found.logits - want.logits).max() < 0.05 * jnp.abs(want.logits).max()
