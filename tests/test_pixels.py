"""Conversions between bytes, [0, 1] and [-1, 1]."""

import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.pixels import to_signed, to_uint8, to_unit

BYTES = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16, 1)


def test_black_is_minus_one_and_white_is_one_and_floats_are_refused():
    np.testing.assert_allclose(to_signed(jnp.array([[[[[0, 255, 51]]]]], jnp.uint8)).ravel(), [-1, 1, -0.6], atol=1e-6)
    for video in (jnp.ones((1, 1, 1, 1, 3)), jnp.ones((1, 1, 1, 1, 3), jnp.int32)):
        with pytest.raises((ValueError, TypeError)):
            to_signed(video)


def test_every_byte_survives_the_way_there_and_back():
    np.testing.assert_array_equal(to_uint8(to_unit(BYTES)), BYTES)
    np.testing.assert_array_equal(to_uint8(to_unit(to_signed(jnp.asarray(BYTES)))), BYTES)


def test_both_ranges_become_the_same_floats_and_those_out_of_range_are_clipped():
    np.testing.assert_allclose(to_unit(BYTES), to_unit(to_signed(jnp.asarray(BYTES))), atol=1e-6)
    np.testing.assert_array_equal(to_uint8(np.array([-0.5, 0.5, 1.5])), [0, 128, 255])
