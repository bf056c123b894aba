import jax.extend.random
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.data import counter_random
from futurepred_jax.data.motion import RANGES
from futurepred_jax.data.occluders import ELEMENT
from futurepred_jax.data.placement import ROUNDS
from futurepred_jax.data.scene_generation import CLIP_FACTORS

KEY = np.array([7, 11], np.uint32)
PLACES = np.arange(4000)


@pytest.mark.parametrize(("fill", "answer"), [(0, (0x6B200159, 0x99BA4EFE)), (0xFFFFFFFF, (0x1CB996FC, 0xBB002BE7))])
def test_threefry_gives_the_known_answers(fill, answer):
    words = np.full(2, fill, np.uint32)
    assert tuple(counter_random.threefry2x32(words, words)) == answer


def test_threefry_agrees_with_jax():
    counter = np.arange(2000, dtype=np.uint32).reshape(2, 1000).T.copy()
    expected = jax.extend.random.threefry_2x32(jnp.asarray(KEY), jnp.asarray(counter.T.ravel()))
    np.testing.assert_array_equal(counter_random.threefry2x32(KEY, counter).T.ravel(), np.asarray(expected))


def test_threefry_takes_a_key_for_each_counter():
    keys = np.array([[1, 2], [3, 4]], np.uint32)
    counter = np.array([[5, 6], [7, 8]], np.uint32)
    single = [counter_random.threefry2x32(k, c) for k, c in zip(keys, counter, strict=True)]
    np.testing.assert_array_equal(counter_random.threefry2x32(keys, counter), single)


def test_a_draw_depends_on_nothing_drawn_beside_it():
    alone = counter_random.bits(KEY, np.array([42]), "speed", 3)
    together = counter_random.bits_of(KEY, np.array([41, 42]), {"heading": 5, "speed": 3})["speed"]
    np.testing.assert_array_equal(alone[0], together[1])


def test_uniform_of_is_uniform_of_each():
    numbers = counter_random.uniform_of(KEY, PLACES, {"heading": 5, "speed": 3})
    np.testing.assert_array_equal(numbers["speed"], counter_random.uniform(KEY, PLACES, "speed", 3))


def test_a_longer_draw_begins_like_a_shorter_one():
    np.testing.assert_array_equal(
        counter_random.bits(KEY, PLACES[:9], "speed", 2), counter_random.bits(KEY, PLACES[:9], "speed", 7)[:, :2]
    )


def test_keys_elements_and_streams_give_different_words():
    other = np.array([7, 12], np.uint32)
    draws = [counter_random.bits(k, PLACES, name, 2) for k in (KEY, other) for name in ("speed", "heading")]
    assert len(np.unique(np.concatenate(draws))) > 0.9999 * 4 * 8000  # 32-bit words: some pairs must meet by chance


def test_streams_in_use_do_not_overlap():
    names = [*RANGES, *CLIP_FACTORS, "family", "static", "shape", "radius", "yaw", "yaw rate", "tone", "tint"]
    names = {*names, "birth", "pillar", "pixel", "flicker", "dropped", "order", "child", "class", "jitter"}
    names |= {"axis", "growth", "swings", "swing rates", "swing phases", "drag", "walk memory", "walk kick", "walk"}
    names |= {"knots", "bends", "paces", "rises", "occluder", "again", "probe", "shake"}
    assert len({counter_random.stream_id(name) for name in names}) == len(names)


def test_elements_of_the_roles_and_their_tries_do_not_overlap():
    transients = 200 + 2000  # far more births than a clip has
    assert ELEMENT < 2**16
    assert transients + 2**16 * (sum(ROUNDS) - 1) < 2**32


@pytest.mark.parametrize("size", [0, 513])
def test_a_stream_is_refused_more_words_than_it_has(size):
    with pytest.raises(ValueError, match="512"):
        counter_random.bits(KEY, PLACES, "speed", size)


def test_uniform_fills_its_range_evenly():
    numbers = counter_random.uniform(KEY, PLACES, "speed", 5, -1.0, 3.0)
    assert -1 < numbers.min() < -0.99
    assert 2.99 < numbers.max() < 3
    assert np.abs(np.histogram(numbers, 10, (-1, 3))[0] / 2000 - 1).max() < 0.1


def test_normal_has_the_moments_of_a_gaussian():
    numbers = counter_random.normal(KEY, PLACES, "jitter", 5)
    assert abs(numbers.mean()) < 0.03
    assert abs(numbers.std() - 1) < 0.02
    assert abs((numbers**4).mean() - 3) < 0.2
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.05


def test_integers_reach_both_ends_alike():
    counts = np.bincount(counter_random.integers(KEY, PLACES, "length", low=1, high=6)[:, 0], minlength=8)
    assert counts[0] == counts[7] == 0
    assert np.abs(counts[1:7] / 4000 - 1 / 6).max() < 0.02
    with pytest.raises(ValueError, match="smaller"):
        counter_random.integers(KEY, PLACES, "length", low=6, high=1)
