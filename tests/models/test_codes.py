"""The forms in which codes are found and followed, one for each platform, agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.codes import (
    BLOCK,
    argmax,
    multiplied_sums,
    nearest,
    nearest_at_once,
    nearest_in_blocks,
    scattered_sums,
    sum_by_code,
)

GROUPS, SIZE, DIM = 3, 20, 4


def _unit(key: int, *shape: int):
    vectors = jax.random.normal(jax.random.key(key), (*shape, DIM))
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("count", [1, BLOCK, 2 * BLOCK + 5])
def test_the_nearest_code_is_that_of_least_distance_in_every_form(count):
    latents, codes = _unit(0, count, GROUPS), _unit(1, GROUPS, SIZE)
    distances = np.square(np.asarray(latents)[:, :, None] - np.asarray(codes)).sum(-1)
    for form in (nearest, nearest_at_once, nearest_in_blocks):
        np.testing.assert_array_equal(jax.jit(form)(latents, codes), distances.argmin(-1))


def test_the_largest_score_is_found_along_any_axis_and_the_first_of_equals():
    scores = np.random.default_rng(0).integers(0, 5, (4, 6, 50)).astype(np.float32)
    for axis in (0, 1, 2, -1):
        np.testing.assert_array_equal(jax.jit(argmax, static_argnums=1)(scores, axis), scores.argmax(axis))
    assert argmax(jnp.full((3,), -jnp.inf)) == 0
    assert argmax(jnp.array([0.0, jnp.nan, 1.0])) == 2  # a place that exists, whatever comes


def test_of_equal_codes_the_first_is_found():
    codes = jnp.tile(_unit(1, GROUPS, 1), (1, SIZE, 1))
    for form in (nearest_at_once, nearest_in_blocks):
        np.testing.assert_array_equal(jax.jit(form)(_unit(0, 7, GROUPS), codes), 0)


def test_sums_by_code_are_those_of_a_loop_in_every_form():
    latents = jax.random.normal(jax.random.key(2), (50, GROUPS, DIM))
    tokens = jax.random.randint(jax.random.key(3), (50, GROUPS), 0, SIZE)
    wanted, count = np.zeros((GROUPS, SIZE, DIM)), np.zeros((GROUPS, SIZE))
    for row, token in zip(np.asarray(latents), np.asarray(tokens), strict=True):
        for group in range(GROUPS):
            wanted[group, token[group]] += row[group]
            count[group, token[group]] += 1
    for form in (multiplied_sums, scattered_sums):
        np.testing.assert_allclose(form(latents, tokens, size=SIZE), wanted, atol=1e-5)
    total, members = sum_by_code(latents, tokens, SIZE)
    np.testing.assert_allclose(total, wanted, atol=1e-5)
    np.testing.assert_array_equal(members, count)
