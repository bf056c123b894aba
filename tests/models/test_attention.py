"""Every form of attention means the same, and none sees ahead."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractDevice, AbstractMesh, NamedSharding, PartitionSpec, use_abstract_mesh

from futurepred_jax.models.attention import FORMS, causal_attention, fastest_form
from futurepred_jax.models.neighbours import OUTSIDE, causal_neighbours
from futurepred_jax.models.rope import rotary_angles, rotate
from futurepred_jax.training import sharding

HERE = [name for name in FORMS if name != "cudnn"]  # cuDNN needs its GPU


def _qkv(n: int, dtype=jnp.float32):
    return [jax.random.normal(key, (2, n, 3, 16)).astype(dtype) for key in jax.random.split(jax.random.key(0), 3)]


def _reference(q, k, v):
    scores = np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])
    scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bhqk,bkhd->bqhd", weights / weights.sum(-1, keepdims=True), v)


@pytest.mark.parametrize("n", [1, 63, 200])  # one block, a short last one, several
@pytest.mark.parametrize("form", HERE)
def test_forms_agree_with_the_definition(form, n):
    q, k, v = _qkv(n)
    want = _reference(*(np.asarray(x, np.float64) for x in (q, k, v)))
    np.testing.assert_allclose(causal_attention(q, k, v, form=form), want, rtol=1e-5, atol=1e-5)


def test_forms_agree_in_gradients():
    def gradients(form):
        return jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(causal_attention(*x, form=form)))))(_qkv(150))

    want = gradients(HERE[0])
    for form in HERE[1:]:
        for one, other in zip(want, gradients(form), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", HERE)
def test_large_scores_do_not_overflow(form):
    q, k, v = _qkv(70)
    assert np.isfinite(causal_attention(300 * q, k, v, form=form)).all()


@pytest.mark.parametrize("form", HERE)
def test_half_precision_stays_half_and_near(form):
    exact = causal_attention(*_qkv(100), form=form)
    half = causal_attention(*_qkv(100, jnp.bfloat16), form=form)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(jnp.float32), exact, atol=0.1)


def test_platforms_get_their_form(monkeypatch):
    half, full = _qkv(4, jnp.bfloat16)[0], _qkv(4)[0]
    assert fastest_form("cpu", half) == "blocked"
    assert fastest_form("tpu", half) == "xla"  # where none is in sight
    assert fastest_form("cuda", half) == "xla"  # from here, where no GPU is
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert fastest_form("cuda", half) == "cudnn"
    assert fastest_form("cuda", full) == "xla"  # cuDNN's kernel has no float32
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    assert fastest_form("tpu", full) == "splash"


def test_a_mesh_of_tpus_in_sight_gets_their_kernel_and_each_device_its_part():
    sizes, tpu = (2, 2, 2), AbstractDevice("TPU v5e", num_cores=1, platform="tpu")
    mesh = AbstractMesh(sizes, ("data", "fsdp", "tensor"), abstract_device=tpu)
    q = jax.ShapeDtypeStruct((4, 200, 6, 16), jnp.float32)
    with use_abstract_mesh(mesh):
        program = str(jax.make_jaxpr(causal_attention)(q, q, q))
        assert "shard_map" in program
        assert "1,3,256,16" in program.replace(" ", "")  # a row, half of the heads, whole tiles
        odd = jax.ShapeDtypeStruct((3, 200, 6, 16), jnp.float32)
        assert "shard_map" not in str(jax.make_jaxpr(causal_attention)(odd, odd, odd))  # three rows over four devices


def test_the_kernel_over_a_mesh_is_attention():
    mesh = sharding.make_mesh({"data": 2, "fsdp": 2, "tensor": 2})
    q, k, v = (jnp.tile(x, (2, 1, 2, 1)) for x in _qkv(150))
    whole = NamedSharding(mesh, PartitionSpec())
    split = jax.jit(sharding.with_mesh(mesh, partial(causal_attention, form="splash")), in_shardings=(whole,) * 3)
    np.testing.assert_allclose(split(q, k, v), causal_attention(q, k, v, form="xla"), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("platform", "products"), [("cpu", 8), ("tpu", 2), ("cuda", 2)])
def test_a_program_has_the_form_of_the_platform_that_it_is_for(platform, products):
    lowered = jax.jit(causal_attention).trace(*_qkv(200)).lower(lowering_platforms=(platform,))
    assert lowered.as_text().count("stablehlo.dot_general") == products  # four blocks of queries, or all at once


def test_unknown_form_lists_the_known():
    with pytest.raises(ValueError, match="choose auto or one of blocked, xla, cudnn, splash"):
        causal_attention(*_qkv(4), form="flash")


def test_rotary_scores_depend_on_differences_of_place_only():
    grid, dim = (4, 5, 6), 32
    angles = rotary_angles(grid, dim).reshape(*grid, -1)
    q, k = (jax.random.normal(jax.random.key(i), (1, dim)) for i in (0, 1))

    def score(here, there):
        return jnp.sum(rotate(q, jnp.asarray(angles[here])) * rotate(k, jnp.asarray(angles[there])))

    near = score((1, 2, 3), (0, 1, 1))
    np.testing.assert_allclose(score((3, 4, 5), (2, 3, 3)), near, rtol=1e-5)
    for other in [(1, 1, 1), (0, 2, 1), (0, 1, 2)]:  # a step along each axis alone is told apart
        assert abs(score((1, 2, 3), other) - near) > 1e-3


@pytest.mark.parametrize("dim", [4, 7])
def test_rotary_needs_a_pair_for_each_axis(dim):
    with pytest.raises(ValueError, match="even number of at least 6"):
        rotary_angles((2, 2, 2), dim)


def test_neighbours_of_an_inner_token():
    grid = (4, 5, 6)
    row = causal_neighbours(grid, frames=2, radius=1)[np.ravel_multi_index((2, 2, 3), grid)]
    here = {tuple(int(i) for i in np.unravel_index(index, grid)) for index in row}
    window = {(h, w) for h in (1, 2, 3) for w in (2, 3, 4)}
    assert here == {(t, h, w) for t in (0, 1) for h, w in window} | {(2, 1, 2), (2, 1, 3), (2, 1, 4), (2, 2, 2)}
    assert np.unravel_index(row[0], grid) == (2, 2, 2)  # just before
    assert np.unravel_index(row[1], grid) == (1, 2, 3)  # co-located, one frame earlier


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_neighbours_are_earlier_distinct_and_outside_at_the_border(radius):
    table = causal_neighbours((3, 4, 5), frames=2, radius=radius)
    assert (table < np.arange(60)[:, None]).all()
    assert (table[0] == OUTSIDE).all()
    last = table[-1][table[-1] != OUTSIDE]
    assert len(set(last.tolist())) == len(last)
