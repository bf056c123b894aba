"""Scores predictors, tokenizers and classifiers on held-out splits, always together with floors and ceilings."""

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
from futurepred_jax.training import checkpoints, identity

PROBE = "probe_"  # prefix of splits whose clips 2 n and 2 n + 1 are a possible and an impossible continuation
SHUFFLED = "shuffled_pathway"  # the model while its motion pathway watches another clip
GUESS = "first_guess"  # the frames of the outlook, from which the model starts
LEFT_TO_THE_COMMAND_LINE = ("evaluation", "sampling", "predictions", "storage")
"""Sections of the config that the command line sets even for a packed model, which has a config of its own."""


def evaluate_predictor(
    predictor: Predictor,
    clips: Clips,
    protocol: EvaluationProtocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    networks: Networks = NONE,
    progress: bool = True,
) -> Evaluation:
    """Scores the futures that a model predicts from noisy contexts against the noise-free truth.

    A model with a motion pathway is scored a second time while the pathway watches another clip of the split, with
    another context: the difference is what the pathway contributes.

    Args:
        predictor: The model.
        clips: The split: synthetic clips with the fields ``data.clips.EVALUATION_FIELDS``, or recorded ones.
        protocol: Which clips and frames are scored, and how futures are sampled.
        mean_frame: Mean frame of the training split, in [0, 1]; see ``floors.mean_frame``.
        networks: The networks for LPIPS and FVD; without them these scores are left out.
        progress: Whether to show a progress bar.

    Returns:
        The scores of the model, its floors and its ceilings.

    Raises:
        ValueError: If the split has too few clips or frames, or predicted pixels leave [0, 1].
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
    """Returns for each clip the index of another one with another context.

    Args:
        indices: Indices of the clips.
        clips: Number of clips in the split.
        alike: How many successive clips share their context.

    Raises:
        ValueError: If all clips share one context.
    """
    if clips <= alike:
        raise ValueError(
            f"{clips} clips: a model with a motion pathway is also scored while the pathway watches another clip; "
            "score more clips"
        )
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
    """Scores a tokenizer's reconstructions. Arguments, result and errors are those of ``evaluate_predictor``."""
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
    """Scores futures that were predicted elsewhere as if a model of this package had predicted them.

    Args:
        video: Predicted frames in [0, 1] of the split's first n clips.
        clips: See ``evaluate_predictor``.
        protocol: See ``evaluate_predictor``.
        mean_frame: See ``evaluate_predictor``.
        networks: See ``evaluate_predictor``.
        progress: See ``evaluate_predictor``.
    """
    evaluator = SplitEvaluator(clips, protocol, mean_frame, LearnedMetrics(networks))
    for batch in batches(clips, protocol, progress):
        evaluator.add_video("model", video[batch.indices], batch)
        evaluator.add_floors(batch)
    return evaluator.evaluation()


def table(evaluation: Evaluation) -> str:
    """Returns all scores of a split as a plain-text table that is also valid Markdown."""
    lay_out = label_table if "classifier" in evaluation.summary["scores"] else score_table
    return lay_out(evaluation.split, evaluation.summary)


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Scores the configured splits and writes ``evaluation.json`` and its companions.

    A split that was already scored by the same weights and rules is kept as it is.
    """
    config = _effective_config(config)
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


def require_valid(config: ConfigDict) -> None:
    """Raises a ValueError if the rules of an evaluation make no sense, whatever model it is of."""
    factory.evaluation_splits(config)
    factory.network_names(config)
    checkpoints.require_known(config.evaluation.checkpoint)
    _protocol(config)


def is_current(config: ConfigDict, workdir: epath.PathLike) -> bool:
    """Tells whether ``evaluation.json`` has all configured splits, scored by the model and the rules of today."""
    written = {part.split: part for part in _written(workdir)}
    if not written:
        return False
    names, origin = factory.evaluation_splits(config), _scorer(config, epath.Path(workdir)).origin
    if any(read_part(name, factory.open_split(config, name).sha256, origin, workdir) is None for name in names):
        return False
    return written == {part.split: part for part in read_parts(origin, workdir, first=names)}


def _written(workdir: epath.PathLike) -> list[Evaluation]:
    """Returns what stands in ``evaluation.json``: nothing if it is missing or damaged, since it can be made again."""
    try:
        return read(workdir)
    except ValueError:
        return []


def _effective_config(config: ConfigDict) -> ConfigDict:
    """Returns the command line's config or, with --pretrained, the packed model's, with some sections replaced."""
    if not config.predictions.pretrained:
        return config
    packed = factory.restored_config(pretrained.describe(config.predictions.pretrained)["config"])
    for section in LEFT_TO_THE_COMMAND_LINE:
        packed[section] = config[section]
    return packed


def _tell_unfinished(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Prints a note if the training has not finished; its newest checkpoint is scored all the same."""
    steps = checkpoints.trained_steps(workdir)
    if steps < config.train.steps:
        print(f"{workdir} has {steps} of {config.train.steps} steps; --mode=train continues it, then evaluate it again")


def _tell_left_out(splits: set[str], workdir: epath.Path) -> None:
    """Names the splits whose earlier scores are of other weights or rules and are therefore left out."""
    before = {part.split for part in _written(workdir)}
    if left_out := sorted(before - splits):
        names = ",".join(left_out)
        print(f"{names}: scored by other weights or rules, so left out now; --splits={names} scores them again")


class _Scorer(typing.NamedTuple):
    """How the splits of one evaluation are scored.

    Attributes:
        score: Scores a split.
        workdir: Where the results are kept.
        origin: Everything that decides the scores, apart from the split.
    """

    score: Callable[[Clips], Evaluation]
    workdir: epath.Path
    origin: Mapping[str, typing.Any]


def _scorer(config: ConfigDict, workdir: epath.Path) -> _Scorer:
    """Returns the scorer of given predictions, of a packed model, or of the model in a workdir."""
    if config.evaluation.predictions:
        return _given_scorer(config, workdir)
    if config.predictions.pretrained:
        return _pretrained_scorer(config, workdir)
    if config.kind not in SCORERS:
        raise ValueError(
            f"config.kind {config.kind!r} is not scored by itself: write its futures into a .npz, and score them with "
            "--predictions=FILE and the config of a predictor"
        )
    identity.require_same(workdir, config.to_dict())
    return SCORERS[config.kind](config, workdir)


def _given_scorer(config: ConfigDict, workdir: epath.Path) -> _Scorer:
    path = epath.Path(config.evaluation.predictions).expanduser()
    given.require_one_split(factory.evaluation_splits(config))
    digest = given.digest(path)

    def score(clips: Clips) -> Evaluation:
        protocol, side = _within(clips, _protocol(config)), config.data.size
        video = given.read_predictions(path, (protocol.clips, protocol.future_frames, side, side, 3))
        return _scored_by(evaluate_video, lambda: video, config)(clips)

    return _Scorer(score, workdir / "given" / f"{path.stem}-{digest[:8]}", _origin(config, predictions=digest))


def _pretrained_scorer(config: ConfigDict, workdir: epath.Path) -> _Scorer:
    name = config.predictions.pretrained
    score = _scored_by(evaluate_predictor, lambda: pretrained.load(name)[1], config)
    return _Scorer(score, workdir / "pretrained" / name, _origin(config, weights=[pretrained.describe(name)["sha256"]]))


def _predictor_scorer(config: ConfigDict, workdir: epath.Path) -> _Scorer:
    score = _scored_by(evaluate_predictor, lambda: factory.load_predictor(config, workdir), config)
    weights = [
        checkpoints.fingerprint(workdir, config.evaluation.checkpoint),
        checkpoints.fingerprint(factory.tokenizer_workdir(config, workdir), "newest"),
    ]
    return _Scorer(score, workdir, _origin(config, weights=weights))


def _tokenizer_scorer(config: ConfigDict, workdir: epath.Path) -> _Scorer:
    score = _scored_by(evaluate_tokenizer, lambda: factory.load_tokenizer(config, workdir), config)
    return _Scorer(score, workdir, _origin(config, weights=[checkpoints.fingerprint(workdir)]))


def _classifier_scorer(config: ConfigDict, workdir: epath.Path) -> _Scorer:
    protocol = _protocol(config)
    classify = functools.cache(lambda: factory.load_classifier(config, workdir))

    def score(clips: Clips) -> Evaluation:
        return evaluate_classifier(
            classify(),
            clips,
            count=_within(clips, protocol).clips,
            context_frames=protocol.context_frames,
            batch_size=protocol.batch_size,
        )

    return _Scorer(score, workdir, _origin(config, weights=[checkpoints.fingerprint(workdir)]))


SCORERS: dict[str, Callable[[ConfigDict, epath.Path], _Scorer]] = {
    "predictor": _predictor_scorer,
    "joint": _predictor_scorer,
    "tokenizer": _tokenizer_scorer,
    "classifier": _classifier_scorer,
}
"""How the model in a workdir is scored, by the kind of its config."""


def _scored_by(evaluate: Callable, load: Callable[[], typing.Any], config: ConfigDict) -> Callable[[Clips], Evaluation]:
    """Returns a function that scores what ``load`` returns on a split by one of the ``evaluate_*`` functions above.

    It is loaded for the first split that is scored: where every split was scored before, it never is.
    """
    protocol, subject = _protocol(config), functools.cache(load)
    networks = functools.cache(lambda: factory.networks(config))

    @functools.cache
    def mean_frame() -> Float[np.ndarray, "h w c"]:
        return floors.mean_frame(factory.open_split(config, "train", first=floors.AVERAGED))

    return lambda clips: evaluate(subject(), clips, _within(clips, protocol), mean_frame(), networks=networks())


def _protocol(config: ConfigDict) -> EvaluationProtocol:
    future = config.data.frames - config.data.context_frames
    return EvaluationProtocol(
        sampling=factory.sampling(config),
        clips=config.evaluation.clips,
        context_frames=config.data.context_frames,
        future_frames=future,
        near_frames=future,
        batch_size=config.evaluation.batch_size,
        seed=config.seed,
        samples=config.evaluation.samples,
        sampled_clips=config.evaluation.sampled_clips,
    )


def _origin(config: ConfigDict, **subject: typing.Any) -> dict[str, typing.Any]:
    """Returns what decides the scores: the rules, the networks, and the identity of what is scored."""
    rules = dataclasses.asdict(_protocol(config))
    return {"rules": rules, "networks": factory.network_names(config), **subject}


def _within(clips: Clips, protocol: EvaluationProtocol) -> EvaluationProtocol:
    """Returns the protocol for one split: some futures span several horizons, and recorded splits may be short."""
    if clips.spec:
        return dataclasses.replace(protocol, future_frames=clips.spec.horizon * protocol.near)
    return dataclasses.replace(protocol, clips=min(protocol.clips, len(clips)))


def closing_words(workdir: epath.PathLike) -> str:
    """Returns the tables of all splits that were evaluated in a workdir.

    Of several splits they end with an overview, and of a single one with tables by motion and by clutter.
    """
    evaluations = read(workdir)
    compared = {each.split: each.summary for each in evaluations if "margins" in each.summary}
    kinds = kind_tables(evaluations[0].clips) if len(evaluations) == 1 else ""
    parts = [*map(table, evaluations), kinds, effect_table(read_effects(workdir)), overview_table(compared)]
    return "\n\n".join(part for part in parts if part)
