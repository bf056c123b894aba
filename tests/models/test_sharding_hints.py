"""What devices that share a model send each other."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AbstractMesh, use_abstract_mesh

from futurepred_jax.factory.layout import TRANSFORMER
from futurepred_jax.models.sampling import token_nll
from futurepred_jax.models.sharding_hints import is_divided, replicated, shard_columns, shard_rows
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.training import sharding
from futurepred_jax.training.collectives import Traffic, collectives

MODEL = Transformer(sizes=(64, 64), grid=(3, 4, 4), width=64, depth=2, heads=4)
WEIGHTS = (*TRANSFORMER, (".*", sharding.LargestAxis(min_size=2048)))


def sent(clips: int) -> dict[str, Traffic]:
    """By eight devices for the gradients of so many clips."""
    mesh = sharding.make_mesh({"fsdp": 2, "tensor": 4})

    def loss(params, tokens):
        logits = jnp.asarray(MODEL.apply({"params": params}, tokens))
        return token_nll(logits, tokens).mean()

    tokens = jax.ShapeDtypeStruct((clips, 48, 2), jnp.int32, sharding=sharding.batch_sharding(mesh, clips))
    drawn = jax.eval_shape(MODEL.init, jax.random.key(0), jnp.zeros((1, 48, 2), int))["params"]
    params = sharding.place(drawn, mesh, WEIGHTS)
    places = jax.tree.map(lambda leaf: leaf.sharding, params)
    gradients = jax.jit(sharding.with_mesh(mesh, jax.grad(loss)), out_shardings=places)
    return collectives(str(gradients.lower(params, tokens).compile().as_text()), devices=8)


def test_of_activations_only_sums_are_sent():
    """Two a block forward and two back, over the axis of a layer's channels (Megatron-LM); all else is weights."""
    few, many = sent(32), sent(64)  # of more elements than the weights have
    grown = {kind: many[kind].bytes - few[kind].bytes for kind in many if many[kind].bytes != few[kind].bytes}
    assert set(grown) == {"all-reduce"}
    activations = 4 * 64 * 48 * 32 // 2  # bytes, of a device's share of as many clips as were added
    assert grown["all-reduce"] == pytest.approx(4 * MODEL.depth * activations, rel=0.01)


def test_a_caller_s_own_mesh_is_left_alone():
    x = jnp.ones((8, 4))
    with use_abstract_mesh(AbstractMesh((8,), ("experts",))):
        assert all(hint(x) is x for hint in (replicated, shard_columns, shard_rows))
        assert not is_divided(8, 8)
    assert is_divided(8, 8)
