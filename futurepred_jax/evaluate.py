"""Scores of a predictor, or of a tokenizer alone, over a split: beside its floors and its ceilings, always."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping

import numpy as np
from etils import epath
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from futurepred_jax import factory, floors, pretrained
from futurepred_jax.data.pipeline import Clips
from futurepred_jax.evaluation import given
from futurepred_jax.evaluation.batches import EvaluationProtocol, batches, noisy_context
from futurepred_jax.evaluation.classifiers import evaluate_classifier
from futurepred_jax.evaluation.interfaces import Predictor, Tokenizer
from futurepred_jax.evaluation.networks import NONE, LearnedMetrics, Networks
from futurepred_jax.evaluation.results import (
    DOCUMENT,
    Evaluation,
    read,
    read_effects,
    read_part,
    read_parts,
    write,
    write_part,
)
from futurepred_jax.evaluation.split_evaluator import SplitEvaluator
from futurepred_jax.metrics.kinds import kind_tables
from futurepred_jax.metrics.labels import label_table
from futurepred_jax.metrics.plain import jsonable
from futurepred_jax.metrics.table import effect_table, overview_table, score_table
from futurepred_jax.pixels import to_unit
from futurepred_jax.training import checkpoints

PROBE = "probe_"  # begins the name of a split whose clips 2 n and 2 n + 1 are a possible and an impossible one
SHUFFLED = "shuffled_pathway"  # the model, its motion pathway watching another clip
GUESS = "first_guess"  # what the model reads of the future before it settles on one
LEFT_TO_THE_COMMAND_LINE = ("evaluation", "sampling", "predictions", "storage")  # by a packed model's own config


def evaluate_predictor(
    predictor: Predictor,
    clips: Clips,
    protocol: EvaluationProtocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    networks: Networks = NONE,
    progress: bool = True,
) -> Evaluation:
    """Scores the predicted futures of a split's first clips, from their noisy context, against the noise-free truth.

    A model with a motion pathway is scored a second time with the pathway watching another clip of the split, one with
    another past: what it loses by that is what it has from the pathway.

    Args:
        predictor: The model.
        clips: The split, drawn and stored with ``data.clips.EVALUATION_FIELDS``, or recorded.
        protocol: What is scored.
        mean_frame: Of the training split, in [0, 1]; see ``floors.mean_frame``.
        networks: For scores that need one.
        progress: Shows a bar.

    Raises:
        ValueError: The split has too few clips or frames, or a picture leaves its range.
    """
    evaluator = SplitEvaluator(clips, protocol, mean_frame, LearnedMetrics(networks))
    alike = 2 if clips.split.startswith(PROBE) else 1
    for batch in batches(clips, protocol, progress):
        evaluator.add_predictor("model", predictor, batch)
        if predictor.gates:
            watched = clips.batch(_others(batch.indices, protocol.clips, alike))
            evaluator.add_predictor(SHUFFLED, predictor, batch, watched=noisy_context(watched, protocol))
        if alike > 1:
            evaluator.tally.add_pairs(batch.fields["possible"], batch.indices // alike, batch.valid)
        guess = predictor.first_guess(noisy_context(batch.fields, protocol), num_frames=protocol.near)
        if guess is not None and protocol.near == protocol.future_frames:
            evaluator.add_video(GUESS, to_unit(guess), batch)
        evaluator.add_samples(predictor, batch)
        evaluator.add_reconstruction(predictor, batch)
        evaluator.add_floors(batch)
    evaluation = evaluator.evaluation()
    if predictor.gates:
        evaluation.summary["gates"] = jsonable(predictor.gates)
    return evaluation


def _others(indices: Int[np.ndarray, "b"], clips: int, alike: int) -> Int[np.ndarray, "b"]:
    """For each of a split's clips another one, where so many after one another have the same past."""
    if clips <= alike:
        raise ValueError(f"{clips} clips for a model with a motion pathway, which is shown another's: score more")
    groups = -(-clips // alike)
    return (indices // alike + 1) % groups * alike


def evaluate_tokenizer(
    tokenizer: Tokenizer,
    clips: Clips,
    protocol: EvaluationProtocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    networks: Networks = NONE,
    progress: bool = True,
) -> Evaluation:
    """Scores a tokenizer's reconstructions as ``evaluate_predictor`` does, with no model beside them."""
    evaluator = SplitEvaluator(clips, protocol, mean_frame, LearnedMetrics(networks))
    for batch in batches(clips, protocol, progress):
        evaluator.add_reconstruction(tokenizer, batch)
        evaluator.add_floors(batch)
    return evaluator.evaluation()


def evaluate_video(
    video: Float[np.ndarray, "n t h w c"],
    clips: Clips,
    protocol: EvaluationProtocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    networks: Networks = NONE,
    progress: bool = True,
) -> Evaluation:
    """Scores futures in [0, 1] that were predicted elsewhere, of a split's first clips, as those of a model."""
    evaluator = SplitEvaluator(clips, protocol, mean_frame, LearnedMetrics(networks))
    for batch in batches(clips, protocol, progress):
        evaluator.add_video("model", video[batch.indices], batch)
        evaluator.add_floors(batch)
    return evaluator.evaluation()


def table(evaluation: Evaluation) -> str:
    """All scores of a split as text: those of futures and reconstructions beside floors, and Markdown, too."""
    lay_out = label_table if "classifier" in evaluation.summary["scores"] else score_table
    return lay_out(evaluation.split, evaluation.summary)


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """scores on held-out clips, beside floors and ceilings: evaluation.json"""
    config = _config_in_question(config)
    names, scorer = factory.evaluation_splits(config), _scorer(config, epath.Path(workdir))
    scorer.workdir.mkdir(parents=True, exist_ok=True)
    if not config.evaluation.predictions and not config.predictions.pretrained:
        _tell_unfinished(config, workdir)
    for name in names:
        clips = factory.open_split(config, name)
        if read_part(name, clips.sha256, scorer.origin, scorer.workdir) is None:
            found = scorer.score(clips)
            found.summary["data"] = factory.source_name(config)
            write_part(found, scorer.origin, scorer.workdir)
        else:
            print(f"{name}: scored before by the same weights and rules, and kept")
    found = read_parts(scorer.origin, scorer.workdir, first=names)
    _tell_left_out({part.split for part in found}, scorer.workdir)
    write(found, scorer.workdir)
    print(closing_words(scorer.workdir))


def _config_in_question(config: ConfigDict) -> ConfigDict:
    """The command line's or, with --pretrained, the packed model's own with the command line's rules and places."""
    if not config.predictions.pretrained:
        return config
    packed = factory.restored_config(pretrained.describe(config.predictions.pretrained)["config"])
    for section in LEFT_TO_THE_COMMAND_LINE:
        packed[section] = config[section]
    return packed


def _tell_unfinished(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Says so where a training has not come to its end; its newest checkpoint is scored all the same."""
    steps = checkpoints.trained_steps(workdir)
    if steps < config.train.steps:
        print(f"{workdir} has {steps} of {config.train.steps} steps: --mode=train goes on, and it is scored anew then")


def _tell_left_out(splits: set[str], workdir: epath.Path) -> None:
    """Names the splits that were scored by other weights or rules, and so no longer stand beside these."""
    before = {part.split for part in read(workdir)} if (workdir / DOCUMENT).exists() else set()
    if left_out := sorted(before - splits):
        names = ",".join(left_out)
        print(f"{names}: scored by other weights or rules, so left out now; --splits={names} scores them by these")


class _Scorer(typing.NamedTuple):
    """What scores a split, where that is kept, and what decides the scores beside the split."""

    score: Callable[[Clips], Evaluation]
    workdir: epath.Path
    origin: Mapping[str, typing.Any]


def _protocol(config: ConfigDict) -> EvaluationProtocol:
    asked = config.evaluation
    return EvaluationProtocol(
        sampling=factory.sampling(config),
        clips=asked.clips,
        context_frames=config.data.context_frames,
        future_frames=config.data.frames - config.data.context_frames,
        near_frames=config.data.frames - config.data.context_frames,
        batch_size=asked.batch_size,
        seed=config.seed,
        samples=asked.samples,
        sampled_clips=asked.sampled_clips,
    )


def _scorer(config: ConfigDict, workdir: epath.Path) -> _Scorer:
    protocol, networks = _protocol(config), factory.networks(config)
    origin: dict[str, typing.Any] = {"rules": dataclasses.asdict(protocol), "networks": factory.network_names(config)}
    mean = functools.cache(lambda: floors.mean_frame(factory.open_split(config, "train", first=floors.AVERAGED)))

    def score(evaluate: Callable, contestant: typing.Any) -> Callable[[Clips], Evaluation]:
        return lambda clips: evaluate(contestant, clips, _within(clips, protocol), mean(), networks=networks)

    if config.evaluation.predictions:
        path = epath.Path(config.evaluation.predictions)
        given.require_one_split(factory.evaluation_splits(config))
        origin["predictions"] = given.digest(path)

        def score_given(clips: Clips) -> Evaluation:
            asked, side = _within(clips, protocol), config.data.size
            video = given.read_predictions(path, (asked.clips, asked.future_frames, side, side, 3))
            return score(evaluate_video, video)(clips)

        return _Scorer(score_given, workdir / "given" / f"{path.stem}-{origin['predictions'][:8]}", origin)
    if name := config.predictions.pretrained:
        origin["weights"] = [pretrained.describe(name)["sha256"]]
        return _Scorer(score(evaluate_predictor, pretrained.load(name)[1]), workdir / "pretrained" / name, origin)
    if config.kind == "classifier":
        origin["weights"] = [checkpoints.fingerprint(workdir)]
        asked = {"context_frames": protocol.context_frames, "batch_size": protocol.batch_size}
        classify = functools.partial(evaluate_classifier, factory.load_classifier(config, workdir), **asked)
        return _Scorer(lambda clips: classify(clips, count=_within(clips, protocol).clips), workdir, origin)
    if factory.predicts(config):
        predictor = factory.load_predictor(config, workdir)
        places = [workdir, factory.tokenizer_workdir(config, workdir)]
        kinds = (config.evaluation.checkpoint, "newest")
        origin["weights"] = [checkpoints.fingerprint(*each) for each in zip(places, kinds, strict=True)]
        return _Scorer(score(evaluate_predictor, predictor), workdir, origin)
    if config.kind != "tokenizer":
        raise ValueError(
            f"config.kind {config.kind!r} is not scored by itself: write its futures into a .npz, and score them with "
            "--predictions=FILE and the config of a predictor"
        )
    tokenizer = factory.load_tokenizer(config, workdir)
    origin["weights"] = [checkpoints.fingerprint(workdir)]
    return _Scorer(score(evaluate_tokenizer, tokenizer), workdir, origin)


def _within(clips: Clips, protocol: EvaluationProtocol) -> EvaluationProtocol:
    """A split's own: some have futures of several horizons; of recorded videos there are as many as there are."""
    if clips.spec:
        return dataclasses.replace(protocol, future_frames=clips.spec.horizon * protocol.near)
    return dataclasses.replace(protocol, clips=min(protocol.clips, len(clips)))


def closing_words(workdir: epath.PathLike) -> str:
    """The tables of everything that was evaluated in a workdir; of a split alone, by motion and clutter too."""
    found = read(workdir)
    scored = {each.split: each.summary for each in found if "margins" in each.summary}
    kinds = kind_tables(found[0].clips) if len(found) == 1 else ""
    parts = [*map(table, found), kinds, effect_table(read_effects(workdir)), overview_table(scored)]
    return "\n\n".join(part for part in parts if part)
