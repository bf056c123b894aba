"""What a user imports: any fitting video in, futures out; anything else answered with the rule."""

import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from untrained import save, untrained

from futurepred_jax import Predictor, Tokenizer, factory
from futurepred_jax.configs import baseline, both_pathways, joint_i3d
from futurepred_jax.training import identity

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return untrained(baseline.get_config("debug"), tmp_path_factory.mktemp("untrained"))


@pytest.fixture(scope="module")
def predictor(workdir):
    return Predictor.from_workdir(workdir)


def clip(frames: int = 5, side: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, frames, side, side, 3), dtype=np.uint8)


def test_several_futures_have_the_frames_asked_for_and_come_one_way_from_bytes_and_floats(predictor):
    drawn = predictor(clip(), num_frames=3, num_samples=2, key=KEY)
    assert drawn.video.shape == (1, 2, 3, 32, 32, 3)
    assert drawn.tokens.shape == (1, 2, 1, 8, 8, 2)
    assert drawn.log_likelihood.shape == (1, 2)
    assert 0 <= drawn.video.min() < drawn.video.max() <= 1
    assert not np.array_equal(drawn.tokens[:, 0], drawn.tokens[:, 1])
    longer = np.concatenate([clip(3) // 2, clip()], axis=1)  # only the last frames count
    again = predictor(longer / np.float32(255), num_frames=3, num_samples=2, temperature=1.0, draft=6, key=KEY)
    np.testing.assert_array_equal(again.tokens, drawn.tokens)
    assert (again.passes < drawn.passes).all()  # drafted


def test_several_futures_are_drawn_by_the_config_s_rule_where_it_draws(predictor):
    config = factory.restored_config(predictor.config.to_dict())
    config.sampling.temperature = 0.01
    sharp = Predictor(predictor.trained, config)
    one, several = sharp(clip(), num_frames=4, key=KEY), sharp(clip(), num_frames=4, num_samples=2, key=KEY)
    np.testing.assert_array_equal(several.tokens[:, 0], one.tokens[:, 0])
    old_key = jax.random.PRNGKey(0)
    np.testing.assert_array_equal(sharp(clip(), num_frames=4, key=old_key).tokens, one.tokens)


def test_one_future_is_what_an_evaluation_scores(workdir, predictor):
    config = baseline.get_config("debug")
    scored = factory.load_predictor(config, workdir).predict(
        jnp.asarray(clip(), jnp.float32) / 127.5 - 1, num_frames=4, key=KEY, sampling=factory.sampling(config)
    )
    drawn = predictor(clip(), num_frames=3)
    np.testing.assert_array_equal(drawn.tokens[:, 0], scored.tokens)
    np.testing.assert_allclose(drawn.video[:, 0] * 2 - 1, scored.video[:, :3], atol=1e-5)


def test_the_bits_of_what_followed_are_exact_and_of_whole_latent_frames(predictor):
    context, future = clip(7), clip(4)[:, ::-1]
    bits = predictor.bits(context, future / np.float32(255))
    signed = [jnp.asarray(video, jnp.float32) / 127.5 - 1 for video in (context[:, 2:], future)]
    nats = predictor.trained.score(*signed).nll.sum()
    assert bits.shape == (1, 1, 8, 8)
    np.testing.assert_allclose(bits.sum() * np.log(2), nats, rtol=1e-5)
    for frames in (3, 8):
        with pytest.raises(ValueError, match=f"future of {frames} frames: give a multiple of 4, at most 4"):
            predictor.bits(context, clip(frames))
    with pytest.raises(ValueError, match="this model was trained on 32×32"):
        predictor.bits(context, clip(4, side=16))
    with pytest.raises(ValueError, match="1 contexts and 2 futures"):
        predictor.bits(context, np.repeat(clip(4), 2, axis=0))


@pytest.mark.parametrize(
    ("video", "rule"),
    [
        (clip()[0], r"\[5, 32, 32, 3\]: give clips \[b t h w 3\], a single one as video\[None\]"),
        (clip()[..., :1], "give clips"),
        (clip().astype(np.int32), r"int32: give uint8 in \[0, 255\], or floats in \[0, 1\]"),
        (clip().astype(np.float32), r"from 0 to 255: floats must be in \[0, 1\]"),
        (clip() / 127.5 - 1, r"from -1 to 1: .*\(video \+ 1\) / 2"),
        (clip() * np.float32(np.nan), "from nan to nan"),
        (clip()[:0], "it is empty"),
        (clip(4), "context of 4 frames: this model looks at 5; give as many or more"),
        (clip(side=16), "frames of 16×16 pixels: this model was trained on 32×32"),
    ],
)
def test_a_video_that_does_not_fit_is_refused_with_the_rule(predictor, video, rule):
    with pytest.raises(ValueError, match=rule):
        predictor(video, num_frames=4)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"num_frames": 0}, "ask for at least 1"),
        ({"num_frames": 4, "num_samples": 0, "key": KEY}, "ask for at least 1"),
        ({"num_frames": 4, "num_samples": 2}, "needs a key"),
        ({"num_frames": 4, "temperature": 0.5}, "temperature 0.5 needs a key"),
        ({"num_frames": 4, "num_samples": 2, "temperature": 0}, "all the same"),
        ({"num_frames": 4, "temperature": -1.0, "key": KEY}, "temperature >= 0"),
        ({"num_frames": 4, "temperature": float("nan"), "key": KEY}, "finite temperature >= 0"),
        ({"num_frames": 4, "num_samples": True}, "num_samples True: give a whole number"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_rule(predictor, asked, rule):
    with pytest.raises(ValueError, match=rule):
        predictor(clip(), **asked)


def test_a_predictor_is_shown_in_a_line(predictor):
    assert repr(predictor) == "Predictor(baseline:debug, reads 5 frames of 32 × 32 pixels at 6 a second)"


def test_a_predictor_does_not_work_with_another_tokenizer_than_its_own(tmp_path):
    config = baseline.get_config("debug")
    workdir = untrained(config, tmp_path)
    place = factory.tokenizer_workdir(config, workdir)
    trained = factory.load_tokenizer(factory.tokenizer_config(config), place).variables
    params, state = trained["params"], {name: value for name, value in trained.items() if name != "params"}
    shutil.rmtree(place)
    params, state = jax.tree.map(jnp.asarray, params), jax.tree.map(lambda leaf: jnp.asarray(leaf[:, ::-1]), state)
    save(Path(place), factory.tokenizer_config(config), params, state)
    with pytest.raises(ValueError, match="is another tokenizer than the one that"):
        Predictor.from_workdir(workdir)


def test_a_tokenizer_takes_an_image_and_any_sides_of_its_stride(workdir, predictor):
    tokenizer = Tokenizer.from_workdir(workdir.parent / "tokenizer-debug")
    for shape in [(1, 16, 24), (9, 8, 4)]:
        video = np.random.default_rng(1).random((2, *shape, 3))
        tokens = tokenizer.encode(video)
        assert tokens.shape == (2, 1 + shape[0] // 4, shape[1] // 4, shape[2] // 4, 2)
        drawn = tokenizer.decode(np.asarray(tokens, np.uint16))
        assert drawn.shape == video.shape
        assert 0 <= drawn.min() <= drawn.max() <= 1
        np.testing.assert_array_equal(predictor.tokenizer.encode(video), tokens)


def test_a_tokenizer_refuses_other_videos_and_other_tokens_with_the_rule(predictor):
    tokenizer = predictor.tokenizer
    assert (tokenizer.stride, tokenizer.sizes) == ((4, 4, 4), (64, 64))
    with pytest.raises(ValueError, match=r"6 frames: MagVit needs 1 \+ 4k"):
        tokenizer.encode(clip(6))
    with pytest.raises(ValueError, match="30×30 pixels: MagVit needs multiples of 4×4"):
        tokenizer.encode(clip(5, 30))
    with pytest.raises(ValueError, match=r"float32 \[1, 2, 8, 8, 2\]: give integers \[b lt lh lw 2\]"):
        tokenizer.decode(np.zeros((1, 2, 8, 8, 2), np.float32))
    with pytest.raises(ValueError, match=r"from 64 to 64: digits are from 0 and below \(64, 64\)"):
        tokenizer.decode(np.full((1, 2, 8, 8, 2), 64))


def test_workdirs_of_another_kind_are_refused_with_the_class_that_takes_them(workdir, tmp_path):
    with pytest.raises(ValueError, match=r"holds a predictor, baseline.*Predictor\.from_workdir\(…\)\.tokenizer"):
        Tokenizer.from_workdir(workdir)
    with pytest.raises(ValueError, match=r"holds a tokenizer.*take Tokenizer\.from_workdir"):
        Predictor.from_workdir(workdir.parent / "tokenizer-debug")
    with pytest.raises(ValueError, match=r"no config\.json in .*train there first"):
        Predictor.from_workdir(tmp_path)
    config = {name: part for name, part in identity.read_config(workdir).items() if name != "outlook"}
    identity.claim(tmp_path, config)
    with pytest.raises(ValueError, match="no outlook in its config: another version trained it"):
        Predictor.from_workdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("config", [both_pathways, joint_i3d])
def test_models_with_a_pathway_predict_too_and_beyond_their_training(config, tmp_path):
    model = Predictor.from_workdir(untrained(config.get_config("debug"), tmp_path))
    assert model(clip(), num_frames=6, num_samples=2, key=KEY).video.shape == (1, 2, 6, 32, 32, 3)


def test_importing_the_package_loads_no_jax():
    code = "import sys, futurepred_jax; assert 'jax' not in sys.modules; from futurepred_jax import Predictor"
    checked = subprocess.run([sys.executable, "-c", f"{code}; assert 'jax' in sys.modules"], check=False)
    assert checked.returncode == 0
    with pytest.raises(ImportError, match="Predicter"):
        from futurepred_jax import Predicter  # pyright: ignore  # noqa: F401
