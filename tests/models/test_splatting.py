"""What is carried comes to where it was sent, before the background, and gradients say where it should have gone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from futurepred_jax.models.splatting import HEAVIEST, multiplied, scattered, splat

H, W = 6, 8
_carry = jax.jit(splat)


def _scene(key: int = 0):
    colours, background = jax.random.uniform(jax.random.key(key), (2, H, W, 3))
    return colours, jnp.zeros((1, H, W, 2)), jnp.full((1, H, W), HEAVIEST), background


def test_heavy_pixels_that_stay_show_themselves_and_light_ones_the_background():
    colours, moves, weights, background = _scene()
    np.testing.assert_allclose(_carry(colours, moves, weights, background)[0], colours, atol=5e-3)
    np.testing.assert_allclose(_carry(colours, moves, -weights, background)[0], background, atol=5e-3)


def test_a_way_of_whole_pixels_shifts_the_frame_and_uncovers_the_background():
    colours, moves, weights, background = _scene()
    right, down = 2, 1
    shown = _carry(colours, moves + jnp.array([right, down]), weights, background)[0]
    np.testing.assert_allclose(shown[down:, right:], colours[:-down, :-right], atol=5e-3)
    np.testing.assert_allclose(shown[:down], background[:down], atol=1e-6)
    np.testing.assert_allclose(shown[:, :right], background[:, :right], atol=1e-6)


@pytest.mark.parametrize("move", [(0.25, -0.5), (-0.5, 0.75)])
def test_a_way_between_pixels_is_shared_by_the_four_around(move):
    """Weights as light as can be change a background of zero in proportion: the carried sum is seen."""
    colours, moves, _, background = _scene()
    one = jnp.zeros_like(colours).at[3, 4].set(1.0)
    shown = _carry(one, moves + jnp.array(move), jnp.full((1, H, W), -8.0), jnp.zeros_like(background))[0, ..., 0]
    rows, columns = np.mgrid[:H, :W]
    tent = np.maximum(0, 1 - abs(columns - 4 - move[0])) * np.maximum(0, 1 - abs(rows - 3 - move[1]))
    np.testing.assert_allclose(shown * np.exp(8.0), tent, atol=2e-3)


def test_of_two_that_come_to_one_place_the_heavier_is_seen():
    colours, moves, weights, background = _scene()
    moves = moves.at[0, 2, 3].set(jnp.array([1.0, 0.0]))  # onto (2, 4)
    light = weights.at[0, 2, 4].set(-HEAVIEST)
    np.testing.assert_allclose(_carry(colours, moves, light, background)[0, 2, 4], colours[2, 3], atol=5e-3)
    both = _carry(colours, moves, weights, background)[0, 2, 4]
    np.testing.assert_allclose(both, (colours[2, 3] + colours[2, 4]) / 2, atol=5e-3)


def test_what_leaves_the_frame_is_gone_wherever_it_goes():
    colours, moves, weights, background = _scene()
    for far in (-1e6, -3.0 * W, 3.0 * W, 1e6):
        shown = _carry(colours, moves.at[..., 0].set(far), weights, background)[0]
        np.testing.assert_allclose(shown, background, atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    colours, moves, _, background = _scene()
    moves += 0.3 * jax.random.normal(jax.random.key(1), moves.shape) + 0.21
    weights, wanted = (
        jax.random.normal(jax.random.key(2), (1, H, W)),
        jax.random.normal(jax.random.key(3), (1, H, W, 3)),
    )
    value = lambda *given: jnp.sum(splat(*map(jnp.asarray, given)) * wanted)  # noqa: E731
    with jax.enable_x64(True):
        given = jax.tree.map(lambda x: jnp.asarray(np.asarray(x), jnp.float64), (colours, moves, weights, background))
        wanted = jnp.asarray(np.asarray(wanted), jnp.float64)
        check_grads(value, given, order=1, modes=("rev",), atol=1e-5, rtol=1e-5, eps=1e-7)


def test_a_step_down_the_gradient_brings_an_object_nearer_to_its_place():
    frame = jnp.zeros((1, H, W, 3)).at[0, 2:4, 2:4].set(1.0)
    wanted = jnp.zeros((1, H, W, 3)).at[0, 2:4, 3:5].set(1.0)

    def distance(way):
        moves = jnp.broadcast_to(way, (1, H, W, 2))
        weights = HEAVIEST * frame[..., 0]
        return jnp.mean((splat(frame[0], moves, weights, jnp.zeros((H, W, 3))) - wanted) ** 2)

    gradient = jax.grad(distance)(jnp.array([0.3, 0.0]))
    assert gradient[0] < 0
    assert distance(jnp.array([1.0, 0.0])) < distance(jnp.array([0.5, 0.0])) < distance(jnp.array([0.0, 0.0]))


def test_products_and_scattered_sums_are_the_same_and_so_are_their_gradients():
    values, wanted = jax.random.normal(jax.random.key(0), (2, 3, H, W, 4))
    places = 2 * W * jax.random.uniform(jax.random.key(1), (3, H, W, 2)) - W / 2
    found = []
    for form in (scattered, multiplied):
        value = lambda *given, form=form: jnp.sum(form(*given) * wanted)  # noqa: E731
        found.append((jax.jit(form)(places, values), jax.jit(jax.grad(value, argnums=(0, 1)))(places, values)))
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, atol=1e-5), *found)
