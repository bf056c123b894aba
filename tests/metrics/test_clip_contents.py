"""Who plays in a clip, and scores of single objects, on a scene made by hand."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from futurepred_jax.metrics.clip_contents import ClipContents, about_clips, by_object, contents_of
from futurepred_jax.metrics.motion import MotionScores
from futurepred_jax.metrics.objects import ObjectScores
from futurepred_jax.metrics.scores import Record
from futurepred_jax.metrics.tracking import Targets

FAMILIES = ("static", "straight", "loop")
ROLES = {"target": 0, "persistent": 1}


def record(error: list, detected: list, scored: list, iou: list) -> Record:
    """One clip, three frames, two targets: lists are [t k]; what is not asked for is not there."""
    unread: Any = None
    arrays: list[Any] = [np.array([values]) for values in (error, detected, scored, iou)]
    motion = MotionScores(error=arrays[0], travelled=unread, detected=arrays[1], scored=arrays[2])
    objects = ObjectScores(arrays[3], unread, unread, unread)
    fields: dict[str, Any] = {**dict.fromkeys(Record._fields), "motion": motion, "objects": objects}
    return Record(**fields)


MODEL = record(
    error=[[1.0, 9.0], [3.0, 9.0], [8.0, 9.0]],
    detected=[[True, True], [True, True], [False, True]],
    scored=[[True, False], [True, False], [True, False]],
    iou=[[1.0, 1.0], [0.5, 1.0], [0.0, 1.0]],
)


def test_families_are_of_targets_and_clutter_is_what_else_is_seen():
    batch = {
        "family": np.array([[0, 1, 2, 0, 0]]),
        "role": np.array([[1, 0, 0, 1, 1]]),
        "exists": np.array([[True, True, True, True, False]]),
        "visible_px": np.array([[[5, 5, 5, 0, 9], [5, 5, 5, 0, 9]]]),  # the fourth never shows, the fifth is no object
    }
    unread: Any = None
    ids, exists = jnp.array([[2, 3, 1]]), jnp.array([[True, True, False]])
    contents = contents_of(batch, Targets(ids, unread, unread, unread, unread, unread, unread, exists), roles=ROLES)
    assert contents.family.tolist() == [[1, 2, -1]]
    assert about_clips(contents, FAMILIES) == {"families": [["loop", "straight"]], "targets": [2], "clutter": [1]}


def test_an_object_is_scored_over_the_frames_in_which_it_is_judged():
    contents = ClipContents(np.array([[2, 1]], np.int32), np.array([0]))
    found = by_object({"model": MODEL}, contents, FAMILIES)
    assert (found["clip"], found["family"]) == ([0], ["loop"])  # the other target is never evaluable
    scores = {name: values.tolist() for name, values in found["scores"]["model"].items()}
    assert scores == {"position_error": [2.0], "recall": [2 / 3], "mask_iou": [0.5]}


def test_an_object_that_is_never_found_has_a_recall_and_no_error():
    lost = record([[1.0, 0.0]] * 3, [[False, False]] * 3, [[True, False]] * 3, [[0.0, 0.0]] * 3)
    contents = ClipContents(np.array([[0, 0]], np.int32), np.array([0]))
    scores = by_object({"model": lost}, contents, FAMILIES)["scores"]["model"]
    assert scores["recall"].tolist() == [0.0]
    assert np.isnan(scores["position_error"]).all()
