"""Predictions on disk are what the predictor gave, beside the frames that really followed."""

import dataclasses
import io
import json
from typing import NamedTuple

import jax
import numpy as np
import pytest
from PIL import Image
from players import Fake

from futurepred_jax import factory, predict
from futurepred_jax.configs import baseline
from futurepred_jax.data.pipeline import ArraySource
from futurepred_jax.predict import Choice, Rollout, write_predictions

ROLLOUT = Rollout(context_frames=5, future_frames=3, sampling=None, seed=4)


class Predicted(NamedTuple):
    video: jax.Array


class Shifter(Fake):
    """Predicts the last context frame, brighter by a random amount; remembers what it was given."""

    def __init__(self):
        self.contexts = []

    def predict(self, context, *, num_frames, key, sampling, watched=None):  # noqa: ARG002
        self.contexts.append(np.asarray(context))
        brighter = jax.random.uniform(key, (1, num_frames, 1, 1, 1), minval=0.0, maxval=0.9)
        return Predicted(context[:, -1:] + brighter)


class Recorded(ArraySource):
    """Clips that nothing drew."""

    spec = None


@pytest.fixture
def clips() -> dict[str, ArraySource]:
    rng = np.random.default_rng(0)
    video = rng.integers(0, 200, (6, 9, 16, 16, 3), dtype=np.uint8)
    return {
        "test_iid": ArraySource({"video": video, "noisy": video + rng.integers(1, 50, video.shape, dtype=np.uint8)})
    }


def load(path) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        return dict(arrays)


def choices(*indices: int) -> list[Choice]:
    return [Choice("test_iid", index, "random") for index in indices]


def test_arrays_are_the_predictions_and_the_first_future_frames(tmp_path, clips):
    predictor = Shifter()
    write_predictions(predictor, clips, choices(2), ROLLOUT, tmp_path)
    arrays = load(tmp_path / "test_iid-000002.npz")
    clip = {name: array[2] for name, array in clips["test_iid"].arrays.items()}
    np.testing.assert_array_equal(arrays["context"], clip["noisy"][:5])
    np.testing.assert_array_equal(arrays["truth"], clip["video"][5:8])
    np.testing.assert_array_equal(arrays["copy_last"], clip["video"][4:5].repeat(3, axis=0))
    np.testing.assert_allclose(predictor.contexts[0][0], clip["noisy"][:5] / 127.5 - 1, atol=1e-6)
    key = jax.random.fold_in(jax.random.key(4), 2)
    given = np.asarray(Shifter().predict(predictor.contexts[0], num_frames=3, key=key, sampling=None).video[0])
    np.testing.assert_array_equal(arrays["prediction"], np.clip(np.round((given + 1) * 127.5), 0, 255).astype(np.uint8))
    assert not np.array_equal(arrays["prediction"], arrays["copy_last"])


def test_a_split_of_several_horizons_is_predicted_to_its_end(tmp_path, clips):
    long = dataclasses.replace(ROLLOUT, future_frames=2, horizons={"test_iid": 2})
    write_predictions(Shifter(), clips, choices(1), long, tmp_path)
    arrays = load(tmp_path / "test_iid-000001.npz")
    assert {name: len(arrays[name]) for name in ("context", "truth", "prediction", "copy_last")} == {
        "context": 5,
        "truth": 4,
        "prediction": 4,
        "copy_last": 4,
    }


def test_clips_are_of_the_splits_that_were_scored_or_of_those_asked_for(tmp_path, clips, monkeypatch):
    scored = {"index": [0, 1], "scores": {"model": {"psnr": [20.0, 21.0]}}}
    (tmp_path / "evaluation_clips.json").write_text(json.dumps({"test_iid": scored, "test_speed": scored}))
    (tmp_path / "evaluation.json").write_text(json.dumps({"splits": {"test_iid": {}, "test_speed": {}}}))
    monkeypatch.setattr(factory, "open_split", lambda *_: Recorded(clips["test_iid"].arrays))
    monkeypatch.setattr(factory, "load_predictor", lambda *_: Shifter())
    config = baseline.get_config("debug")
    config.predictions.clips = 4
    for asked, expected in (("", {"test_iid", "test_speed"}), ("test_speed", {"test_speed"})):
        config.evaluation.splits = asked
        predict.run(config, tmp_path)
        index = json.loads((tmp_path / "predictions/index.json").read_text())
        assert {entry["split"] for entry in index} == expected
    config.evaluation.splits = "test_iid,test_count"
    with pytest.raises(ValueError, match="test_count has none: run --mode=evaluate"):
        predict.run(config, tmp_path)


def test_index_names_what_was_written(tmp_path, clips):
    chosen = [Choice("test_iid", 3, "worst", {"model": {"ade": 4.5}})]
    index = write_predictions(Shifter(), clips, chosen, ROLLOUT, tmp_path)
    (entry,) = json.loads(index.read_text())
    assert (entry["name"], entry["split"], entry["index"], entry["why"]) == ("test_iid-000003", "test_iid", 3, "worst")
    assert entry["scores"] == {"model": {"ade": 4.5}}
    assert {entry["gif"], entry["npz"], "index.json"} == {path.name for path in tmp_path.iterdir()}
    with Image.open(tmp_path / entry["gif"]) as gif:
        assert gif.n_frames == 8  # pyright: ignore[reportAttributeAccessIssue]


def test_a_clip_alone_and_among_others_has_the_same_bytes(tmp_path, clips):
    write_predictions(Shifter(), clips, choices(1), ROLLOUT, tmp_path / "alone")
    write_predictions(Shifter(), clips, choices(5, 1, 0), ROLLOUT, tmp_path / "among")
    for name in ("test_iid-000001.npz", "test_iid-000001.gif"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "among" / name).read_bytes()


def test_other_choices_replace_the_old_ones_and_nothing_else(tmp_path, clips):
    write_predictions(Shifter(), clips, choices(0, 1), ROLLOUT, tmp_path)
    (tmp_path / "mine.txt").write_text("kept")
    write_predictions(Shifter(), clips, choices(1, 2), ROLLOUT, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"index.json", "mine.txt"} | {
        f"test_iid-00000{i}.{kind}" for i in (1, 2) for kind in ("gif", "npz")
    }


def test_a_failure_leaves_the_old_predictions_whole(tmp_path, clips):
    index = write_predictions(Shifter(), clips, choices(0), ROLLOUT, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="no clips of split 'train': there are test_iid"):
        write_predictions(Shifter(), clips, [Choice("train", 0, "random")], ROLLOUT, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert index.exists()


def test_a_clip_that_is_too_short_is_refused(tmp_path, clips):
    long = Rollout(context_frames=5, future_frames=5, sampling=None)
    with pytest.raises(ValueError, match="test_iid-000000 has 9 frames: 5 of context and 5 of future need 10"):
        write_predictions(Shifter(), clips, choices(0), long, tmp_path)
