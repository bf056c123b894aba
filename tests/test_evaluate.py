"""Whole evaluations of small fake predictors on rendered clips."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath
from players import CLIPS, CONTEXT, FUTURE, GREEDY, MEAN_FRAME, Drawn, Fake, copy_last, oracle

from futurepred_jax import evaluate, floors
from futurepred_jax.data.spec import in_split
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.evaluation.classifiers import evaluate_classifier
from futurepred_jax.metrics.image import CAP


def protocol(**fields) -> evaluate.EvaluationProtocol:
    fields = {"clips": CLIPS, "context_frames": CONTEXT, "future_frames": FUTURE, "batch_size": 3, **fields}
    return evaluate.EvaluationProtocol(sampling=GREEDY, **fields)


def evaluated(drawn: Drawn, future, **fields) -> evaluate.Evaluation:
    return evaluate.evaluate_predictor(Fake(drawn, future), drawn, protocol(**fields), MEAN_FRAME, progress=False)


@pytest.fixture(scope="module")
def moderate() -> Drawn:
    return Drawn()


@pytest.fixture(scope="module")
def perfect(moderate) -> evaluate.Evaluation:
    return evaluated(moderate, oracle)


def test_the_true_future_is_perfect_in_every_metric(perfect):
    model, tracker = perfect.summary["scores"]["model"], perfect.summary["tracker"]
    assert model["psnr"] == model["foreground_psnr"] == model["foreground_psnr_predictable"] == CAP
    assert model["ssim"] == pytest.approx(1, abs=1e-5)
    assert model["mae"] < 1e-7
    assert {name: model[name] for name in tracker} == pytest.approx(tracker, rel=1e-4)
    assert tracker["ade"] < 0.5
    assert tracker["recall"] > 0.95


def test_likelihood_is_the_model_s_alone(perfect):
    scores = perfect.summary["scores"]
    assert scores["model"]["bits_per_token"] == pytest.approx(3)
    assert scores["model"]["bits_per_token_fitted"] == pytest.approx(3)
    assert scores["model"]["token_accuracy"] == pytest.approx(0.4)
    assert scores["model"]["bits_per_dimension"] == pytest.approx(30 / (FUTURE * 32 * 32 * 3), rel=1e-5)
    assert scores["copy_last"]["bits_per_token"] is scores["tokenizer_reconstruction"]["token_accuracy"] is None
    assert perfect.summary["codebook"] == {"usage": 0.25, "perplexity": 16.0, "sizes": [64]}


def test_copying_the_last_frame_is_the_floor_of_that_name(moderate):
    summary = evaluated(moderate, copy_last).summary
    model, floor = summary["scores"]["model"], summary["scores"]["copy_last"]
    for name in ("psnr", "ssim", "foreground_psnr", "ade", "fde", "recall"):
        assert model[name] == pytest.approx(floor[name], rel=1e-5), name
    assert summary["margins"]["copy_last"]["skill"] == pytest.approx(0, abs=1e-5)
    assert summary["margins"]["black_frame"]["psnr"]["low"] > 0


def test_copy_last_s_position_error_is_the_displacement(moderate, perfect):
    clips = moderate.fields
    targets = slice(0, moderate.spec.objects[1])
    centre = clips["centre"][:, :, targets]
    displacement = np.linalg.norm(centre[:, CONTEXT:] - centre[:, CONTEXT - 1 : CONTEXT], axis=-1)
    visible, amodal = (clips[name][:, CONTEXT:, targets] for name in ("visible_px", "amodal_px"))
    evaluable = (visible >= 6) & (2 * visible >= amodal)
    expected = np.mean([displacement[:, t][evaluable[:, t]].mean() for t in range(FUTURE)])
    scores = perfect.summary["scores"]["copy_last"]
    assert expected > 1
    assert scores["recall"] > 0.9
    assert scores["ade"] == pytest.approx(expected, abs=max(0.25, perfect.summary["tracker"]["ade"]))


def test_on_static_scenes_the_floors_tie_with_the_truth():
    static = Drawn(families=("static",), static_share=1.0, level="clean")
    evaluation = evaluated(static, oracle)
    still = [clip for clip, video in enumerate(static.fields["video"]) if (video == video[0]).all()]
    assert len(still) >= 2  # in the others a cube spins in its place
    for name in ("copy_last", "constant_velocity", "context_mean", "true_parameters", "tokenizer_reconstruction"):
        np.testing.assert_allclose(np.array(evaluation.clips["scores"][name]["psnr"])[still], CAP, err_msg=name)
        assert evaluation.summary["scores"][name]["ade"] == pytest.approx(
            evaluation.summary["tracker"]["ade"], abs=0.05
        )


def test_the_padded_last_batch_changes_nothing(moderate, perfect):
    backwards = Drawn()
    backwards.fields = {name: values[::-1].copy() for name, values in moderate.fields.items()}
    turned = evaluated(backwards, oracle)  # other clips share the last batch, and another is padded with
    for name, scores in perfect.clips["scores"].items():
        for key, values in scores.items():
            found = np.array(turned.clips["scores"][name][key], float)
            np.testing.assert_allclose(found[::-1], np.array(values, float), rtol=1e-4, err_msg=f"{name} {key}")
    assert len(perfect.clips["scores"]["model"]["psnr"]) == len(perfect.clips["index"]) == CLIPS


def test_files_are_whole_and_without_nan(perfect, tmp_path):
    assert perfect.summary["scores"]["black_frame"]["ade"] is None
    assert perfect.summary["curves"]["black_frame"]["position_error"] == [None] * FUTURE
    evaluate.write([perfect], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "evaluation.json",
        "evaluation_clips.json",
        "evaluation.csv",
    }
    document = json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert document["protocol"]["pixel_range"] == [0, 1]
    assert document["splits"]["test_iid"]["sha256"] == Drawn.sha256
    assert evaluate.read(tmp_path) == [perfect]


def test_what_other_rules_scored_is_named_when_it_is_left_out(perfect, tmp_path, capsys):
    tmp_path = epath.Path(tmp_path)
    evaluate._tell_left_out({"test_speed"}, tmp_path)
    evaluate.write([perfect], tmp_path)
    evaluate._tell_left_out({"test_iid"}, tmp_path)
    assert not capsys.readouterr().out
    evaluate._tell_left_out({"test_speed"}, tmp_path)
    assert "test_iid: scored by other weights or rules, so left out now; --splits=test_iid" in capsys.readouterr().out


def test_a_tokenizer_is_scored_without_a_model(moderate, perfect):
    fake = Fake(moderate, oracle)
    evaluation = evaluate.evaluate_tokenizer(fake, moderate, protocol(), MEAN_FRAME, progress=False)
    assert evaluation.summary["scores"].keys() == perfect.summary["scores"].keys() - {"model"}
    assert evaluation.summary["scores"]["tokenizer_reconstruction"]["foreground_psnr"] > 90
    assert evaluation.summary["margins"]["copy_last"]["psnr"]["mean"] > 0
    assert "tokenizer reconstruction ahead of" in evaluate.table(evaluation)


class Watching(Fake):
    """Predicts from the clip that its pathway watches, and is the less sure when that is another."""

    gates = {"gate_0": -0.25}  # noqa: RUF012

    def predict(self, context, *, watched=None, **given):
        return super().predict(context if watched is None else watched, **given)

    def first_guess(self, context, *, num_frames):
        return 0 * super().predict(context, num_frames=num_frames).video

    def score(self, context, future, *, watched=None, **given):
        scored = super().score(context, future, **given)
        surprise = 0.0 if watched is None else np.log(2)
        return SimpleNamespace(**{**vars(scored), "nll": scored.nll + np.float32(surprise)})


@pytest.fixture(scope="module")
def watching(moderate) -> evaluate.Evaluation:
    predictor = Watching(moderate, oracle)
    return evaluate.evaluate_predictor(predictor, moderate, protocol(), MEAN_FRAME, progress=False)


def test_a_pathway_is_scored_again_with_the_next_clip_before_its_eyes(moderate, watching):
    videos = moderate.fields["video"][:, CONTEXT:].astype(np.float64) / 255
    mse = np.square(np.roll(videos, -1, axis=0) - videos).mean(axis=(1, 2, 3, 4))
    shuffled = watching.clips["scores"]["shuffled_pathway"]
    assert shuffled["psnr"] == pytest.approx(list(-10 * np.log10(mse)), rel=1e-4)
    assert watching.summary["scores"]["model"]["psnr"] == CAP
    assert watching.summary["scores"]["shuffled_pathway"]["bits_per_token"] == pytest.approx(4)
    assert watching.summary["margins"]["shuffled_pathway"]["bits_per_token"]["mean"] == pytest.approx(-1)
    assert watching.summary["gates"] == {"gate_0": -0.25}


def test_a_pathway_never_watches_the_other_clip_of_a_pair_whose_past_is_the_same():
    probe = Drawn("probe_permanence", level="clean")
    found = evaluate.evaluate_predictor(Watching(probe, oracle), probe, protocol(), MEAN_FRAME, progress=False)
    pasts = probe.fields["noisy"][:, :CONTEXT]
    assert (pasts[0] == pasts[1]).all()
    assert max(found.clips["scores"]["shuffled_pathway"]["psnr"]) < CAP
    with pytest.raises(ValueError, match="2 clips: a model with a motion pathway is also scored while"):
        evaluate.evaluate_predictor(Watching(probe, oracle), probe, protocol(clips=2), MEAN_FRAME, progress=False)


def test_pairs_are_told_apart_by_what_the_model_finds_likelier():
    probe = Drawn("probe_permanence", level="clean")

    class Knowing(Fake):
        """Surprised by what is impossible, in the second pair by what is possible."""

        def score(self, context, future, **given):
            scored = super().score(context, future, **given)
            true = self.clips.fields["video"][:, CONTEXT:].astype(np.float32) / 127.5 - 1
            rows = [int(np.abs(true - clip).sum(axis=(1, 2, 3, 4)).argmin()) for clip in np.asarray(future)]
            surprise = self.clips.fields["possible"][rows] == np.array(rows) // 2
            return SimpleNamespace(**{**vars(scored), "nll": scored.nll + surprise[:, None, None].astype(np.float32)})

    found = evaluate.evaluate_predictor(Knowing(probe, oracle), probe, protocol(clips=4), MEAN_FRAME, progress=False)
    assert found.summary["scores"]["model"]["pairs_ranked"] == 0.5


def test_a_model_sees_the_noise_that_its_context_has(moderate):
    class Seeing(Fake):
        def predict(self, context, **given):
            known = self.clips.fields["noisy"][:, :CONTEXT] / 127.5 - 1
            assert all(np.abs(known - clip).max(axis=(1, 2, 3, 4)).min() < 1e-5 for clip in np.asarray(context))
            return super().predict(context, **given)

    assert (moderate.fields["noisy"] != moderate.fields["video"])[:, :CONTEXT].any(axis=(1, 2, 3, 4)).all()
    evaluate.evaluate_predictor(Seeing(moderate, oracle), moderate, protocol(), MEAN_FRAME, progress=False)


def test_the_table_tells_what_the_pathway_is_worth_and_how_far_its_gates_are_open(watching, perfect):
    text = evaluate.table(watching)
    row = next(line for line in text.splitlines() if line.startswith("| shuffled pathway") and "[" in line)
    assert "+1.000 [+1.000, +1.000]" in row
    assert "Gates: -0.250" in text
    assert "Gates" not in evaluate.table(perfect)


def test_what_the_model_read_before_it_settled_stands_beside_it(watching, perfect):
    grey = watching.summary["scores"]["first_guess"]
    assert grey["psnr"] < 20 < watching.summary["scores"]["model"]["psnr"]
    assert watching.summary["margins"]["first_guess"]["psnr"]["mean"] > 20
    assert "first_guess" not in perfect.summary["scores"]


class Recorded(Drawn):
    """The same pictures without what is known of them."""

    def __init__(self):
        super().__init__()
        self.spec = None
        self.fields = {name: self.fields[name] for name in ("video", "noisy", "index")}


def test_recorded_clips_are_scored_by_their_pixels_and_the_rest_is_null(moderate, perfect, tmp_path):
    recorded = evaluated(Recorded(), copy_last)
    evaluate.write([recorded], tmp_path)
    split = json.loads((tmp_path / "evaluation.json").read_text())["splits"]["test_iid"]
    assert split["scores"].keys() == perfect.summary["scores"].keys() - {"constant_velocity", "true_parameters"}
    for name in ("copy_last", "context_mean", "mean_frame", "black_frame", "tokenizer_reconstruction"):
        for score in ("psnr", "ssim", "mse", "mae"):
            assert split["scores"][name][score] == perfect.summary["scores"][name][score]
        for score in (
            "foreground_psnr",
            "foreground_psnr_predictable",
            "psnr_predictable",
            "ade",
            "fde",
            "ade_travelled",
            "recall",
        ):
            assert split["scores"][name][score] is None
    copy = split["scores"]["copy_last"]
    assert copy["openstl_mse"] == pytest.approx(copy["mse_frame"], rel=1e-5)
    assert copy["openstl_ssim"] > copy["ssim"]
    assert "openstl_mse" not in perfect.summary["scores"]["copy_last"]
    assert split["margins"]["copy_last"]["psnr"]["mean"] == pytest.approx(0, abs=1e-5)
    assert split["margins"]["copy_last"]["ade"]["mean"] is split["tracker"]["ade"] is None
    assert "| copy last" in evaluate.table(recorded)


def test_the_table_shows_model_ceilings_and_floors_in_their_order(perfect):
    text = evaluate.table(perfect)
    first = [line.split("|")[1].strip() for line in text.split("\n\n")[1].splitlines()[2:]]
    assert first[:3] == ["model", "tokenizer reconstruction", "true parameters"]
    assert first[-1] == "black frame"
    assert len({len(line) for line in text.split("\n\n")[1].splitlines()}) == 1
    assert "| copy last" in text.split("model ahead of")[1]


@pytest.mark.parametrize("shift", [1.1, np.nan])
def test_pictures_out_of_range_are_refused(moderate, shift):
    with pytest.raises(ValueError, match="model holds values in"):
        evaluated(moderate, lambda video: shift + oracle(video))


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"clips": CLIPS + 1}, "it has 5; store more"), ({"future_frames": FUTURE + 1}, "context and future need 10")],
)
def test_too_short_a_split_is_refused(moderate, fields, message):
    with pytest.raises(ValueError, match=message):
        evaluated(moderate, oracle, **fields)


def test_the_mean_frame_is_the_mean_of_all_frames(moderate):
    expected = moderate.fields["video"].mean(axis=(0, 1), dtype=np.float64) / 255
    np.testing.assert_allclose(floors.mean_frame(moderate, batch_size=2), expected, atol=1e-6)


def test_futures_from_elsewhere_are_scored_as_a_model_s(moderate, perfect):
    video = oracle(moderate.fields["video"]).astype(np.float32) / 255
    evaluation = evaluate.evaluate_video(video, moderate, protocol(), MEAN_FRAME, progress=False)
    scores, ours = evaluation.summary["scores"], perfect.summary["scores"]
    assert scores.keys() == ours.keys() - {"tokenizer_reconstruction"}
    for name in ("psnr", "ssim", "ade", "recall", "mask_iou", "clutter_recall"):
        assert scores["model"][name] == pytest.approx(ours["model"][name], rel=1e-4), name
    assert evaluation.summary["margins"].keys() == perfect.summary["margins"].keys()
    assert "codebook" not in evaluation.summary
    assert "model ahead of" in evaluate.table(evaluation)


class Random(Fake):
    """The true future when it is asked for the likeliest, and that or the last frame, by the key, when for a sample."""

    def predict(self, context, *, num_frames, key, sampling, watched=None):  # noqa: ARG002
        true = super().predict(context, num_frames=num_frames).video
        if sampling.temperature == 0:
            return SimpleNamespace(video=true)
        still = jnp.repeat(true[:, :1], num_frames, axis=1)
        return SimpleNamespace(video=jnp.where(jax.random.bernoulli(key), true, still))


def test_sampled_futures_have_a_best_and_a_mean(moderate):
    fake = Random(moderate, oracle)
    found = evaluate.evaluate_predictor(
        fake, moderate, protocol(samples=6, sampled_clips=2), MEAN_FRAME, progress=False
    )
    model, tracker = found.summary["scores"]["model"], found.summary["tracker"]
    assert model["psnr"] == CAP
    assert model["ade_best"] < 2 * tracker["ade"] < model["ade_mean"]
    assert 0 < model["energy_score"] < model["ade_mean"]
    assert [value is None for value in found.clips["scores"]["model"]["ade_best"]] == [False] * 2 + [True] * (CLIPS - 2)
    assert found.summary["samples"] == {"count": 6, "clips": 2}
    assert "Of 6 sampled futures of 2 clips" in evaluate.table(found)


def test_every_score_has_an_interval_around_it(perfect):
    scores, intervals = perfect.summary["scores"]["copy_last"], perfect.summary["intervals"]["copy_last"]
    for name in ("psnr", "ade", "recall", "mask_iou", "count_error"):
        low, high = intervals[name]
        assert low <= scores[name] <= high, name
        assert low < high, name


def test_a_classifier_is_scored_on_the_first_slot_of_every_clip(moderate):
    """Fed through in batches, the last one shorter."""

    def classify(noisy):
        rows = [int((moderate.fields["noisy"] == clip).all(axis=(1, 2, 3, 4)).argmax()) for clip in noisy]
        return {
            "family": jnp.eye(len(FAMILIES))[moderate.fields["family"][rows, 0]],
            "shape": jnp.eye(4)[jnp.zeros(len(rows), int)],
        }

    found = evaluate_classifier(classify, moderate, count=CLIPS, context_frames=CONTEXT, batch_size=3, progress=False)
    shape = float((moderate.fields["shape"][:, 0] == 0).mean())
    assert found.summary["scores"]["classifier"] == {"family_accuracy": 1.0, "shape_accuracy": pytest.approx(shape)}
    assert found.summary["clips"] == CLIPS
    assert "family accuracy 1.000" in evaluate.table(found)


class Following(Fake):
    """Finds where in a clip its context ends, and goes on from there."""

    def predict(self, context, *, num_frames, **_):
        clips = self.clips.fields["video"].astype(np.float32) / 127.5 - 1
        found = []
        for seen in np.asarray(context):
            apart = [[np.abs(seen - clip[end - CONTEXT : end]).sum() for end in range(CONTEXT, 18)] for clip in clips]
            row, place = np.unravel_index(np.argmin(apart), np.shape(apart))
            found.append(clips[row, CONTEXT + place :][:num_frames])
        return SimpleNamespace(video=jnp.asarray(np.stack(found)))


def test_test_long_is_scored_on_all_of_its_horizons():
    long = Drawn("test_long", level="clean")
    asked = protocol(near_frames=FUTURE)
    long.spec = in_split(long.spec, "test_long")
    within = evaluate._within(long, asked)
    assert (within.future_frames, within.near) == (4 * FUTURE, FUTURE)
    found = evaluate.evaluate_predictor(Following(long, oracle), long, within, MEAN_FRAME, progress=False).summary
    assert found["scores"]["model"]["psnr"] == CAP
    assert len(found["curves"]["model"]["psnr"]) == 4 * FUTURE
    assert found["scores"]["model"]["bits_per_dimension"] == pytest.approx(30 / (FUTURE * 32 * 32 * 3), rel=1e-5)
    assert evaluate._within(Drawn(), asked).future_frames == FUTURE
