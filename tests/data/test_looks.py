import itertools

import numpy as np

from futurepred_jax.data.looks import HUES, about, about_z, directions, held_out
from futurepred_jax.data.trajectories import FAMILIES


def test_every_hue_has_one_held_out_shape_and_every_object_two_shapes_left():
    shapes = np.arange(4)
    for hue, family in itertools.product(range(-1, len(HUES)), range(len(FAMILIES))):
        pairs = held_out(shapes, np.array(hue), np.array(family))
        assert pairs.sum() <= 2
        if family == 0:
            assert pairs.sum() == (hue >= 0)


def test_no_shape_loses_most_of_its_motions_or_colours():
    families, hues = np.arange(len(FAMILIES)), np.arange(len(HUES))
    for shape in range(4):
        assert 2 <= held_out(np.array(shape), np.array(-1), families).sum() <= 4
        assert held_out(np.array(shape), hues, np.array(0)).sum() == 3


def test_rotations_about_an_axis_keep_it_and_turn_by_their_angle():
    axis = directions(np.random.default_rng(0).uniform(size=(40, 2)))
    angle = np.linspace(-3, 3, 5)[:, None] + np.zeros(40)
    rotation = about(axis, angle)
    np.testing.assert_allclose(np.linalg.norm(axis, axis=-1), 1)
    np.testing.assert_allclose(np.einsum("tkij,kj->tki", rotation, axis), axis + 0 * rotation[..., 0], atol=1e-12)
    np.testing.assert_allclose(rotation @ rotation.swapaxes(-1, -2), np.eye(3) + 0 * rotation, atol=1e-12)
    np.testing.assert_allclose(np.trace(rotation, axis1=-2, axis2=-1), 1 + 2 * np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(about(np.tile([0, 0, 1.0], (40, 1)), angle), about_z(angle), atol=1e-12)


def test_directions_cover_the_sphere_evenly():
    axis = directions(np.random.default_rng(1).uniform(size=(20000, 2)))
    np.testing.assert_allclose(axis.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(axis.T @ axis / len(axis), np.eye(3) / 3, atol=0.02)
