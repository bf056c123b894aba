"""Real videos through a tokenizer, beside the mean of each clip."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import filled

from futurepred_jax.benchmarks import reconstruction
from futurepred_jax.data.recorded import Cut
from futurepred_jax.interface import Tokenizer
from futurepred_jax.models import parts
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import VQ

CUT = Cut(size=16, frames=3, fps=6.0)


@pytest.fixture(scope="module")
def tokenizer():
    module = MagVit(channels=(4,), blocks=(0,), strides=((2, 4, 4),), quantizer=VQ(8, 2), local=True)
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 3, 16, 16, 3)))
    return Tokenizer(parts.TokenizerModel(module, filled(shapes)))


def test_rows_are_of_the_drawing_and_of_each_clips_own_mean(tokenizer):
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16, 3)).astype(np.uint8)
    clips[1] = clips[1, :1]  # stands still: its mean is itself
    rows, use = reconstruction.compare(tokenizer, clips, lambda drawn, true: float(np.abs(drawn - true).mean()))
    drawn, true = np.asarray(tokenizer.decode(tokenizer.encode(clips))), clips / 255
    expected = -10 * np.log10(np.square(drawn - true).mean(axis=(1, 2, 3, 4))).mean()
    assert rows["tokenizer"].psnr == pytest.approx(expected, abs=1e-3)
    assert rows["tokenizer"].lpips == pytest.approx(np.abs(drawn - true).mean(), abs=1e-5)
    assert rows["mean frame"].psnr > 50  # 100 dB of the clip that stands still, the least error counted
    assert 0 < use.usage <= 1
    assert use.sizes == (8,)
    printed = reconstruction.table({name: row._replace(lpips=None) for name, row in rows.items()}, use).splitlines()
    assert printed[1].split()[-1] == "-"
    assert "of 1 × 8" in printed[-1]


def test_sources_without_a_clip_or_of_another_kind_are_refused(tmp_path):
    with pytest.raises(ValueError, match="real videos are files:FOLDER"):
        reconstruction.clips_of("clutter", CUT)
    with pytest.raises(ValueError, match="no files at"):
        reconstruction.clips_of(f"files:{tmp_path}", CUT)
