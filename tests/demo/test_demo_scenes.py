"""A chosen scene is what was chosen."""

import dataclasses

import numpy as np
import pytest

from futurepred_jax.configs import baseline
from futurepred_jax.data.clips import make_clip
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.demo import scenes
from futurepred_jax.demo.scenes import Choice, draw

CONFIG = baseline.get_config("debug")


def of_role(clip, role):
    return clip["exists"] & (clip["role"] == ROLES.index(role))


def test_a_scene_has_the_objects_and_the_motion_that_were_chosen():
    clip = draw(Choice(objects=4, motion="u_turn", level="clean"), CONFIG)
    targets = of_role(clip, "target")
    assert targets.sum() == 4
    assert {tuple(FAMILIES)[family] for family in clip["family"][targets]} == {"u_turn"}
    assert (clip["noisy"] == clip["video"]).all()


def test_an_occluder_hides_a_target_where_the_future_begins():
    config = baseline.get_config("tiny")
    clip = draw(Choice(objects=2, motion="straight", level="clean", occluder=True, seed=1), config)
    assert of_role(clip, "occluder").any()
    border = config.data.context_frames
    targets = of_role(clip, "target")
    hidden = (clip["visible_px"] == 0) & (clip["amodal_px"] > 0)
    assert hidden[border - 1 : border + 1, targets].any()


def test_a_seed_is_a_scene_and_clutter_does_not_change_its_targets():
    clean, heavy = (draw(Choice(level=level, seed=3), CONFIG) for level in ("clean", "heavy"))
    other = draw(Choice(level="clean", seed=4), CONFIG)
    targets = of_role(clean, "target")
    np.testing.assert_array_equal(clean["position"][:, targets], heavy["position"][:, targets])
    assert (heavy["noisy"] != heavy["video"]).any()
    assert not np.array_equal(clean["video"], other["video"])


def test_where_nothing_can_be_hidden_another_seed_is_advised(monkeypatch):
    monkeypatch.setattr(scenes, "make_clip", lambda spec, split, index: make_clip(shown(spec), split, index))
    with pytest.raises(ValueError, match="no place for an occluder in this scene: take another seed"):
        draw(Choice(level="clean", occluder=True), CONFIG)


def shown(spec):
    """The same without an occluder."""
    return dataclasses.replace(spec, level="clean", occlusion="any")


@pytest.mark.parametrize(
    ("choice", "words"), [(Choice(level="wild"), "known are clean"), (Choice(objects=0), "1 ≤ fewest")]
)
def test_what_cannot_be_drawn_is_refused_with_the_rule(choice, words):
    with pytest.raises(ValueError, match=words):
        draw(choice, CONFIG)
