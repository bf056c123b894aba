"""The calm presets' clips are what published scores were measured on: they must not change."""

import numpy as np
import pytest

from futurepred_jax import factory
from futurepred_jax.configs import tokenizer
from futurepred_jax.data.clips import make_clip

KNOWN = {  # mean level, visible pixels of all objects, sum of positions in metres, targets' hues in hexadecimal
    ("debug", "train", 0): (137.451, 1360, 103.793, "50391"),
    ("debug", "train", 777): (134.016, 1825, 81.515, "63509"),
    ("debug", "val_iid", 0): (146.663, 400, 46.000, "165"),
    ("debug", "val_iid", 777): (136.001, 1728, 38.606, "9b6801"),
    ("debug", "test_iid", 0): (144.605, 807, 43.925, "a028"),
    ("debug", "test_iid", 777): (136.663, 1675, 52.991, "a78031"),
    ("tiny", "train", 0): (131.765, 3763, 332.019, "50391"),
    ("tiny", "train", 777): (129.710, 4166, 335.422, "63509"),
    ("tiny", "val_iid", 0): (136.455, 2413, 372.543, "165"),
    ("tiny", "val_iid", 777): (135.172, 3965, 333.778, "9b6801"),
    ("tiny", "test_iid", 0): (137.552, 3187, 438.361, "a028"),
    ("tiny", "test_iid", 777): (131.828, 4191, 501.116, "a78031"),
}


@pytest.mark.parametrize("which", KNOWN, ids=str)
def test_clips_of_the_calm_presets_are_the_known_ones(which):
    preset, split, index = which
    clip = make_clip(factory.spec(tokenizer.get_config(preset)), split, index)
    level, pixels, places, hues = KNOWN[which]  # with room for another processor's last bit
    assert clip["video"].mean() == pytest.approx(level, abs=0.01)
    assert clip["visible_px"].sum() == pytest.approx(pixels, abs=2)
    assert clip["position"].sum(dtype=np.float64) == pytest.approx(places, abs=2e-3)
    assert "".join(f"{hue:x}" for hue in clip["hue"] if hue >= 0) == hues
