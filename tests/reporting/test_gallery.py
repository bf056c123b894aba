"""The gallery's clips: who predicted them, by what they are picked, and the tracks over them."""

import numpy as np
import pytest

from futurepred_jax.reporting.gallery import make_gallery
from futurepred_jax.reporting.models import Model
from futurepred_jax.reporting.workdir import Log, Prediction, Run, Training

BAD, GOOD = {"recall": 0.2, "ade": 3.0, "psnr": 15.0}, {"recall": 1.0, "ade": 0.5, "psnr": 25.0}


def prediction(index: int, why: str, scores: dict, *, tracks: bool = True, clutter: int = 0) -> Prediction:
    rng = np.random.default_rng(index)
    films = {
        name: rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
        for name, n in {"context": 5, "truth": 3, "prediction": 3, "copy_last": 3}.items()
    }
    entry = {"split": "test_iid", "index": index, "why": why, "scores": {"model": scores, "copy_last": GOOD}}
    found = {
        "places": np.full((8, 2, 2), 3.25, np.float32),
        "found": np.array([[[1, 2], [np.nan, np.nan]]] * 3, np.float32),
        "colours": np.array([[255, 0, 0], [0, 0, 255]], np.uint8),
    }
    if not tracks:
        return Prediction(entry, films)
    return Prediction({**entry, "families": ["loop", "u_turn"], "clutter": clutter}, films, found)


def model(label: str, *predictions: Prediction) -> Model:
    training = Training(label, {}, {}, Log([], [], 0))
    return Model(label, (Run(training, {"splits": {}}, None, list(predictions)),))


@pytest.fixture
def alone():
    gallery = make_gallery([model("a", prediction(7, "worst", BAD, clutter=6), prediction(3, "random", GOOD))])
    assert gallery
    return gallery


def test_random_clips_come_first_and_are_picked_by_what_is_in_them(alone):
    assert [clip["name"] for clip in alone.clips] == ["test_iid 3", "test_iid 7"]
    assert alone.filters == {
        "case": ["random", "worst"],
        "motion": ["loop", "u turn"],
        "clutter": ["none", "5–8"],
        "failure": ["Loses objects"],
    }
    assert [clip["failure"] for clip in alone.clips] == [[], ["Loses objects"]]


def test_tracks_are_places_or_null_where_nothing_was_found(alone):
    tracks = alone.clips[0]["tracks"]
    assert tracks["colours"] == ["rgb(255, 0, 0)", "rgb(0, 0, 255)"]
    assert tracks["places"][0] == [[3.2, 3.2], [3.2, 3.2]]
    assert tracks["found"][0] is tracks["found"][2] is None  # of the truth, and of the last frame
    assert tracks["found"][1] == [[[1.0, 2.0], None]] * 3


def test_a_recorded_clip_has_no_tracks_and_no_filter_by_motion():
    gallery = make_gallery([model("a", prediction(1, "random", {"psnr": 20.0}, tracks=False))])
    assert gallery
    assert gallery.clips[0]["tracks"] is None
    assert gallery.filters == {}


def test_models_share_a_clip_and_one_that_did_not_predict_it_has_an_empty_panel():
    first = model("a", prediction(1, "random", GOOD), prediction(2, "best", GOOD))
    gallery = make_gallery([first, model("b", prediction(1, "random", BAD))])
    assert gallery
    assert gallery.panels == {"truth": "True future", "model-0": "a", "model-1": "b", "copy_last": "Last frame"}
    shared, only_a = gallery.clips
    assert all(tiles is not None for tiles in shared["tiles"])
    assert [tiles is None for tiles in only_a["tiles"]] == [False, False, True, False]
    assert (shared["case"], only_a["case"]) == (["random"], ["best of a"])
    assert [line[0] for line in shared["scores"]] == ["a", "b", "Copy-last-frame"]


def test_without_predictions_there_is_no_gallery():
    assert make_gallery([model("a")]) is None
