"""Clutter that is drawn, cut or left, on grey squares."""

import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.metrics.clutter import Clutter, Drawings, clutter_scores

BACK, SHADE = 0.6, 0.2
SLOTS = 3
PLACES = {0: slice(2, 6), 1: slice(10, 14), 2: slice(20, 24)}  # columns of a persistent, a living, an ended object


def picture(*slots: int) -> np.ndarray:
    frame = np.full((1, 1, 32, 32, 3), BACK, np.float32)
    for slot in slots:
        frame[0, 0, 4:9, PLACES[slot]] = SHADE
    return frame


def instance(*slots: int) -> np.ndarray:
    mask = np.zeros((1, 1, 32, 32), np.int32)
    for slot in slots:
        mask[0, 0, 4:9, PLACES[slot]] = slot + 1
    return mask


def ask(slot: int):
    return jnp.arange(SLOTS)[None, None] == slot


TRUTH = picture(0, 1)
CLUTTER = Clutter(
    drawings=Drawings(*map(jnp.asarray, (picture(), picture(0, 1, 2), instance(0, 1, 2)))),
    instance=jnp.asarray(instance(0, 1)),
    persistent=ask(0),
    living=ask(1),
    ended=ask(2),
)


def counts(video: np.ndarray) -> tuple[float, ...]:
    found = clutter_scores(jnp.asarray(video), jnp.asarray(TRUTH), CLUTTER)
    assert all(float(each.asked[0, 0]) == 1 for each in found)
    return tuple(float(each.present[0, 0]) for each in found)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [((0, 1), (1, 1, 0)), ((), (0, 0, 0)), ((0,), (1, 0, 0)), ((0, 1, 2), (1, 1, 1)), ((1, 2), (0, 1, 1))],
)
def test_each_object_is_there_if_it_was_drawn(slots, expected):
    assert counts(picture(*slots)) == expected


@pytest.mark.parametrize(("share", "there"), [(0.9, 1), (0.31, 1), (0.28, 0), (0.1, 0)])
def test_a_faint_object_is_there_while_half_of_the_squared_contrast_is_explained(share, there):
    assert counts(share * TRUTH + (1 - share) * picture()) == (there, there, 0)


def test_noise_is_no_clutter():
    assert counts(np.random.default_rng(0).random(TRUTH.shape, np.float32)) == (0, 0, 0)


def test_an_object_that_looks_like_what_is_behind_it_is_not_asked_for():
    faint = TRUTH * 0.05 + picture() * 0.95
    found = clutter_scores(jnp.asarray(TRUTH), jnp.asarray(faint), CLUTTER)
    assert float(found.persistent.asked[0, 0]) == 0
