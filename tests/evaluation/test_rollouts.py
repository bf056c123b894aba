"""A long future is predicted in turns, each from what is known by then."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.evaluation.rollouts import rollout

KEY = jax.random.key(0)


class Counting:
    """Goes on counting from the last frame, and remembers what it was given."""

    def __init__(self):
        self.contexts, self.keys, self.watched = [], [], []

    def predict(self, context, *, num_frames, key, watched=None):
        self.contexts.append(np.asarray(context)[0, :, 0, 0, 0].tolist())
        self.keys.append(jax.random.key_data(key).tolist())
        self.watched.append(watched)
        steps = jnp.arange(1, num_frames + 1).reshape(1, -1, 1, 1, 1)
        return SimpleNamespace(video=context[:, -1:] + steps)


@pytest.mark.parametrize(("frames", "turns"), [(3, 1), (4, 1), (7, 2), (16, 4)])
def test_each_turn_sees_the_last_frames_that_are_known_and_the_first_frames_are_kept(frames, turns):
    model, context = Counting(), jnp.arange(-4.0, 1.0).reshape(1, 5, 1, 1, 1)
    future = rollout(model.predict, context, num_frames=frames, turn=4, key=KEY, watched="another")
    np.testing.assert_array_equal(future[0, :, 0, 0, 0], np.arange(1, frames + 1))
    assert model.contexts == [list(range(4 * turn - 4, 4 * turn + 1)) for turn in range(turns)]
    assert model.watched == ["another"] * turns


def test_a_turn_has_a_key_of_its_own_and_the_first_the_key_that_was_given():
    model = Counting()
    rollout(model.predict, jnp.zeros((1, 5, 1, 1, 1)), num_frames=12, turn=4, key=KEY)
    assert model.keys[0] == jax.random.key_data(KEY).tolist()
    assert len({tuple(key) for key in model.keys}) == 3
