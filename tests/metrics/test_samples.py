"""Several futures: best, mean, energy and coverage where their values are known."""

import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.metrics import samples
from futurepred_jax.metrics.tracking import Targets


def targets(true: np.ndarray, evaluable: bool = True) -> Targets:
    """Targets at ``true``, [b t k 2], large enough to be evaluable or not."""
    clips, _, objects, _ = true.shape
    area = jnp.full(true.shape[:3], 20 if evaluable else 0, jnp.int32)
    return Targets(
        ids=jnp.ones((clips, objects), jnp.int32),
        start=jnp.zeros((clips, objects, 2)),
        centre=jnp.asarray(true, jnp.float32),
        place=jnp.asarray(true, jnp.float32),
        visible_px=area,
        amodal_px=area,
        rgb=jnp.ones((clips, objects, 3)),
        exists=jnp.ones((clips, objects), bool),
    )


def around(centre: np.ndarray, count: int, seed: int, deviation: float = 3.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((centre.shape[0], count, *centre.shape[1:]))
    return centre[:, None] + deviation * noise * np.array([1.0, 0.3])


def test_best_and_mean_are_over_whole_clips():
    true = np.zeros((1, 2, 1, 2), np.float32)
    places = np.zeros((1, 4, 2, 1, 2), np.float32)
    places[0, :, 0, 0, 0] = [0, 4, 4, 4]
    places[0, :, 1, 0, 0] = [6, 0, 4, 8]  # no sample is the best in both frames
    found = {name: each.over_split() for name, each in samples.sample_ratios(places, targets(true), 32).items()}
    assert found["ade_best"] == pytest.approx(2)
    assert found["ade_mean"] == pytest.approx((3 + 2 + 4 + 6) / 4)


def test_objects_out_of_view_are_not_scored():
    true = np.zeros((1, 2, 1, 2), np.float32)
    found = samples.sample_ratios(np.ones((1, 4, 2, 1, 2), np.float32), targets(true, evaluable=False), 32)
    assert all(np.isnan(each.over_split()) for each in found.values())


def test_the_energy_score_of_samples_at_one_place_is_their_distance():
    true = np.zeros((1, 1, 1, 2))
    places = np.broadcast_to(np.array([3.0, 4.0]), (1, 5, 1, 1, 2))
    np.testing.assert_allclose(samples.energy_score(places, true), 5)


def test_the_energy_score_is_fair_and_prefers_the_true_distribution():
    """|X - X'| is unbiased, so that more samples of the same distribution change the score by chance only."""
    centre = np.zeros((4000, 1, 1, 2))
    true = around(centre, 1, 0)[:, 0]
    few, many = (samples.energy_score(around(centre, count, 1), true).mean() for count in (3, 12))
    assert few == pytest.approx(many, rel=0.03)
    for wrong in (0.3, 9.0):
        assert samples.energy_score(around(centre, 12, 1, wrong), true).mean() > 1.02 * many
    assert samples.energy_score(around(centre + 2, 12, 1), true).mean() > 1.02 * many


@pytest.mark.parametrize("count", [4, 8])
@pytest.mark.parametrize("region", samples.REGIONS)
def test_regions_of_few_normal_samples_cover_what_they_say(count, region):
    centre = np.zeros((8000, 1, 1, 2))
    deviation = 30.0  # so that the tracker's own error does not matter
    true, places = around(centre, 1, 2, deviation)[:, 0], around(centre, count, 3, deviation)
    assert samples.covered(places, true, region).mean() == pytest.approx(region, abs=0.02)


def test_regions_of_overconfident_samples_cover_too_little():
    centre = np.zeros((2000, 1, 1, 2))
    true, places = around(centre, 1, 2)[:, 0], around(centre, 8, 3, 1.0)
    assert samples.covered(places, true, 0.9).mean() < 0.7


def test_samples_without_spread_cover_the_tracker_s_error_only():
    places = np.zeros((1, 8, 1, 1, 2))
    near, far = np.full((1, 1, 1, 2), 0.2), np.full((1, 1, 1, 2), 2.0)
    assert samples.covered(places, near, 0.9).all()
    assert not samples.covered(places, far, 0.9).any()


def test_three_samples_make_no_region():
    with pytest.raises(ValueError, match=r"3 samples: regions need at least 4; set config\.evaluation\.samples higher"):
        samples.sample_ratios(np.zeros((1, 3, 1, 1, 2)), targets(np.zeros((1, 1, 1, 2))), 32)


def test_every_sample_is_tracked():
    videos = np.full((1, 4, 2, 32, 32, 3), 0.5, np.float32)
    for m in range(4):
        videos[0, m, :, 10:16, 5 + m : 11 + m] = [1, 0.1, 0.1]
    true = np.full((1, 2, 1, 2), [7.5, 12.5])
    known = targets(true)._replace(start=jnp.array([[[7.5, 12.5]]]), rgb=jnp.array([[[1, 0.1, 0.1]]]))
    places = samples.sampled_places(jnp.asarray(videos), known)
    np.testing.assert_allclose(places[0, :, 0, 0, 0], [7.5, 8.5, 9.5, 10.5], atol=0.1)
