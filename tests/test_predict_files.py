"""A user's own videos: each is answered with a film and arrays, or named with what is wrong with it."""

import sys
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "data/recorded"))
from movies import frames, write  # pyright: ignore[reportMissingImports]
from test_main import command

from futurepred_jax import predict_files
from futurepred_jax.configs import baseline
from futurepred_jax.data.recorded import given
from futurepred_jax.interface import Predictor
from futurepred_jax.models.predictor import Futures
from futurepred_jax.predict_files import SamplingRequest, write_futures


class Shifter(Predictor):
    """Predicts its last context frame, brighter with every sample; counts the contexts that it is given."""

    size, context_frames, fps, contexts = 16, 5, 6.0, []  # pyright: ignore

    def __init__(self):
        object.__setattr__(self, "contexts", [])

    def __call__(self, context, *, num_frames, num_samples, key):  # noqa: ARG002
        self.contexts.append(context)
        last = np.repeat(context[:, None, -1:] / 255, num_frames, axis=2)
        video = jnp.concatenate([jnp.minimum(last + 0.1 * m, 1) for m in range(num_samples)], axis=1)
        tokens = jnp.zeros((1, num_samples, 1, 4, 4, 2), int)
        return Futures(
            jnp.asarray(video, jnp.float32), tokens, jnp.zeros((1, num_samples)), jnp.zeros((1, num_samples), int)
        )


@pytest.fixture
def folder(tmp_path):
    """Videos of all kinds at 30 frames a second, and two that are none or too short."""
    write(tmp_path / "clips/a.mp4", frames(40))
    write(tmp_path / "clips/deep/b.gif", frames(40))
    np.savez(tmp_path / "clips/c.npz", video=frames(7)[None, :, :, :, :1].repeat(2, axis=0))
    write(tmp_path / "clips/short.webm", frames(12))
    (tmp_path / "clips/text.mp4").write_text("no video")
    np.savez(tmp_path / "clips/worse.npz", video=np.zeros(3))
    return tmp_path


GOOD = ("a.mp4", "c.npz/0", "c.npz/1", "deep/b.gif")


def predict(folder: Path, predictor: Shifter, samples: int = 2, weights: str = "w") -> Path:
    out = folder / "videos"
    with pytest.raises(ValueError, match="3 of 7 videos were left out, the others are done, below") as refused:
        write_futures(predictor, given(str(folder / "clips")), SamplingRequest(4, samples), out, weights=weights)  # pyright: ignore
    assert "short.webm: it has 3 frames at 6 a second, the model looks at 5" in str(refused.value)
    assert "text.mp4: " in str(refused.value)
    assert "worse.npz: " in str(refused.value)
    return out


def test_every_video_gets_its_films_and_arrays_and_the_bad_ones_are_named(folder):
    predictor = Shifter()
    out = predict(folder, predictor)
    assert {path.parent.relative_to(out).as_posix() for path in out.rglob("futures.npz")} == set(GOOD)
    for context, name in zip(predictor.contexts, GOOD, strict=True):
        with np.load(out / name / "futures.npz") as arrays:
            np.testing.assert_array_equal(arrays["context"], context[0])
            assert arrays["futures"].shape == (2, 4, 16, 16, 3)
            np.testing.assert_array_equal(arrays["futures"][0], context[0, -1:].repeat(4, axis=0))
    assert predictor.contexts[0][0, -1, 8, 8, 0] > predictor.contexts[0][0, 0, 8, 8, 0]  # the last frames, in order


def test_the_films_have_a_page_for_every_frame_of_context_and_future(folder):
    import av

    place = predict(folder, Shifter()) / "a.mp4"
    with Image.open(place / "futures.gif") as gif:
        assert gif.n_frames == 9  # pyright: ignore[reportAttributeAccessIssue]
        gif.seek(8)
        width, height = gif.size
        first, second = (gif.convert("RGB").getpixel((x, height // 2)) for x in (width // 2, 5 * width // 6))
        assert second[0] > first[0] + 15  # pyright: ignore[reportIndexIssue, reportOptionalSubscript]
    with av.open(str(place / "futures.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 6
        assert len(list(container.decode(stream))) == 9


def test_what_was_done_is_not_done_again_unless_something_changed(folder):
    predictor = Shifter()
    predict(folder, predictor)
    predict(folder, predictor)
    assert len(predictor.contexts) == 4
    write(folder / "clips/a.mp4", frames(30))
    predict(folder, predictor)
    assert len(predictor.contexts) == 5
    predict(folder, predictor, weights="others")
    predict(folder, predictor, weights="others", samples=1)
    assert len(predictor.contexts) == 13


def test_another_video_of_the_same_name_does_not_replace_its_futures(folder):
    predict(folder, Shifter())
    (folder / "moved").mkdir()
    write(folder / "moved/a.mp4", frames(30))
    with pytest.raises(ValueError, match=r"holds the futures of .*clips/a\.mp4: choose another --workdir"):
        write_futures(Shifter(), given(str(folder / "moved")), SamplingRequest(4), folder / "videos")  # pyright: ignore


def test_a_video_cut_off_in_the_middle_or_damaged_is_done_again(folder, capsys):
    predictor = Shifter()
    out = predict(folder, predictor)
    assert capsys.readouterr().out.startswith("4 videos predicted below")
    (out / "c.npz/0/origin.json").unlink()
    (out / "a.mp4/futures.gif").unlink()
    (out / "deep/b.gif/futures.npz").write_bytes(b"junk")
    predict(folder, predictor)
    assert len(predictor.contexts) == 7
    assert (out / "a.mp4/futures.gif").exists()
    assert "3 videos predicted below" in (said := capsys.readouterr().out)
    assert "1 kept from before" in said


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"pretrained": "baseline-tiny"}, "name them, --input="),
        ({"input": "nothing/*.mp4"}, "no files at 'nothing"),
        ({"input": __file__, "pretrained": "baseline-huge"}, "no pretrained model 'baseline-huge': known are"),
        ({"input": __file__}, "no config.json"),
    ],
)
def test_what_cannot_be_predicted_is_refused_with_the_rule(tmp_path, fields, rule):
    config = baseline.get_config("debug")
    config.predictions.update(fields)
    with pytest.raises(ValueError, match=rule):
        predict_files.run(config, tmp_path)


def test_what_the_command_line_says_of_sampling_counts_and_makes_other_futures(folder, monkeypatch):
    config, loaded, written = baseline.get_config("debug"), [], []
    config.predictions.input, config.sampling.temperature = str(folder / "clips/a.mp4"), 0.7
    config.evaluation.checkpoint = "best"

    def load(given, _):
        loaded.append((given.sampling.temperature, given.evaluation.checkpoint))

    monkeypatch.setattr(predict_files.factory, "load_predictor", load)
    monkeypatch.setattr(predict_files, "Predictor", lambda _, config: SimpleNamespace(config=config))
    monkeypatch.setattr(predict_files.checkpoints, "fingerprint", lambda _, kind="newest": kind)
    monkeypatch.setattr(predict_files, "write_futures", lambda *_, weights: written.append(weights))
    predict_files.run(config, folder)
    config.sampling.temperature = 0.5
    predict_files.run(config, folder)
    assert loaded == [(0.7, "best"), (0.5, "best")]
    assert written[0][:2] == ["best", "newest"]
    assert written[0] != written[1]


@pytest.mark.slow
def test_the_flags_of_the_command_line_reach_the_mode(tmp_path):
    asked = ("--mode=predict", "--pretrained=baseline-huge", f"--input={__file__}", "--frames=12", "--samples=2")
    refused = command(tmp_path, *asked)
    assert refused.returncode == 1
    assert "error: no pretrained model 'baseline-huge': known are" in refused.stderr
