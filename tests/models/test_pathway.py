"""A pathway's features keep their places, and those places are the tokens'."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.i3d import I3D
from futurepred_jax.models.pathway import Pathway, Pathways, cells


def test_features_as_many_as_tokens_stand_where_the_tokens_do():
    places = cells((1, 5, 4, 6, 9), (1, 5, 16, 24, 3), (4, 4, 4)).reshape(5, 4, 6, 3)
    np.testing.assert_allclose(places[:, 0, 0, 0], np.arange(5) / 4)  # frame 4 k is latent frame k
    np.testing.assert_allclose(places[0, :, 0, 1], np.arange(4))
    np.testing.assert_allclose(places[0, 0, :, 2], np.arange(6))


def test_coarser_features_stand_in_the_middle_of_what_they_cover():
    places = cells((1, 2, 2, 1, 9), (1, 4, 16, 16, 3), (2, 4, 4)).reshape(2, 2, 1, 3)
    np.testing.assert_allclose(places[:, 0, 0, 0], [0.25, 1.25])  # frames 0 and 1, 2 and 3
    np.testing.assert_allclose(places[0, :, 0, 1], [0.5, 2.5])  # rows 0 … 7 are of tokens 0 and 1
    np.testing.assert_allclose(places[0, 0, 0, 2], 1.5)


PATHWAY = Pathway(I3D(width=8, blocks=(1, 1, 1, 1)), ("res3", "res5"), width=12, stride=(4, 4, 4), frames=5, side=32)


def _shapes(pathway: Pathway | Pathways):
    """Features, positions and variables for two clips of 16 × 16 pixels."""

    def init(key):
        memory, variables = pathway.init_with_output(key, jnp.zeros((2, 5, 16, 16, 3)))
        return memory.features, memory.position, variables

    return jax.eval_shape(init, jax.random.key(0))


def test_all_endpoints_are_remembered_with_space_and_time():
    features, position, variables = _shapes(PATHWAY)
    assert features.shape == (2, 2 * 4 * 4 + 2 * 1 * 1, 12)  # time halves after res2
    assert position.shape == (2 * 4 * 4 + 2 * 1 * 1, 3)
    assert set(variables) == {"params", "batch_stats"}
    assert set(variables["params"]["network"]) == {"stem", "res2", "res3", "res4", "res5"}  # no head


def test_an_unknown_endpoint_lists_the_known():
    with pytest.raises(ValueError, match=r"res9.*stem, res2, res3, res4, res5"):
        _shapes(PATHWAY.clone(endpoints=("res9",)))


def test_two_pathways_are_remembered_one_after_the_other_each_with_its_own_weights():
    other = PATHWAY.clone(network=I3D(width=8, blocks=(1, 1, 1, 1)), endpoints=("res5",))
    features, position, variables = _shapes(Pathways(PATHWAY, other))
    assert features.shape == (2, 34 + 2, 12)
    assert position.shape == (34 + 2, 3)
    assert set(variables["params"]) == set(variables["batch_stats"]) == {"i3d", "slowfast"}
