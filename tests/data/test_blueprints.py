"""Blueprints hold what it takes to draw a clip, in the shapes that are stated."""

import dataclasses

import numpy as np
import pytest

from futurepred_jax.data.blueprints import PARTS, Blueprints, blueprint, most_drawn
from futurepred_jax.data.pipeline import Source
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import ClutterSpec, in_split

SPEC = ClutterSpec(size=16, frames=9, level="heavy")


def test_a_batch_has_every_part_in_its_type_and_shape_and_the_labels():
    source = Blueprints(SPEC, "val_iid", 5, labels=("family", "shape"))
    assert isinstance(source, Source)
    batch = source.batch(np.array([3, 0]))
    assert set(batch) == {*PARTS, "family", "shape"}
    for name, part in PARTS.items():
        assert (batch[name].shape, batch[name].dtype) == ((2, *part.shape(SPEC)), part.dtype), name
    np.testing.assert_array_equal(batch["family"][1], make_scene(SPEC, "val_iid", 0).family)
    assert sum(part.nbytes for part in batch.values()) < 2 * 120_000


def test_a_clip_is_the_same_in_any_order_and_company():
    source = Blueprints(SPEC, "train", 5)
    together, alone = source.batch(np.array([4, 2])), source.batch(np.array([2]))
    for name in PARTS:
        np.testing.assert_array_equal(together[name][1], alone[name][0])


@pytest.mark.parametrize("split", ["train", "test_count", "test_clutter_transient", "test_clutter_mixed"])
def test_there_is_room_for_all_that_a_frame_shows(split):
    spec = in_split(dataclasses.replace(SPEC, level="mixed"), split)
    most = [(scene.alive & scene.exists).sum(axis=1).max() for scene in (make_scene(spec, split, i) for i in range(8))]
    assert 3 < max(most) <= most_drawn(spec)


def test_too_little_room_is_an_error():
    scene = make_scene(SPEC, "train", 0)
    with pytest.raises(ValueError, match=r"there must be room for them, and it is 1"):
        blueprint(scene, SPEC.key("train", 0), size=16, room=1)


def test_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="0 clips of train: ask for at least 1"):
        Blueprints(SPEC, "train", 0)
    with pytest.raises(ValueError, match="unknown 'test_all'; known are train"):
        Blueprints(SPEC, "test_all", 1)
    with pytest.raises(IndexError, match=r"it has 0 … 4"):
        Blueprints(SPEC, "train", 5).batch(np.array([5]))
