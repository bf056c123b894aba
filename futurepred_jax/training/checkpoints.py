"""Checkpoints, saved by orbax in the background and verified by checksums before they are restored.

A step's folder holds ``model`` (params, model_state, ema_params), ``optimizer``, ``progress`` (JSON) and a manifest.
"""

import contextlib
import dataclasses
import hashlib
import math
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from etils import epath
from jax.experimental import multihost_utils
from jaxtyping import PyTree

from futurepred_jax.training import atomic, manifest, retention, sharding
from futurepred_jax.training.state import TrainState

FOLDER = "checkpoints"
ITEMS = ("model", "optimizer", "progress")
KEEP = 2  # the newest, and one to fall back to
BESIDE = 1 << 20  # bytes reserved for a checkpoint's other files: names, shardings, progress, manifest


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, or does not fit; the message names the remedy."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """State of a run besides its arrays.

    Attributes:
        step: Number of updates, and of the next batch.
        seconds: Wall time of the training over all resumptions.
        measured_steps: Steps in the measurement of throughput.
        measured_seconds: Seconds of these steps.
        waited_seconds: Seconds of these in which no batch was ready.
        compile_seconds: Seconds of compilation.
        window: Sums of metrics since the last logged line.
        score: Held-out score of these parameters, the lower the better; None if it was not measured.
    """

    step: int = 0
    seconds: float = 0.0
    measured_steps: int = 0
    measured_seconds: float = 0.0
    waited_seconds: float = 0.0
    compile_seconds: float = 0.0
    window: dict | None = None
    score: float | None = None


class Weights(NamedTuple):
    """Weights for inference, as nested dicts of NumPy arrays.

    Attributes:
        params: The parameters, averaged ones if the training kept an average.
        model_state: The model state, such as codebooks and BatchNorm statistics.
    """

    params: PyTree
    model_state: PyTree


def newest(workdir: epath.PathLike, *, before: int | None = None) -> epath.Path | None:
    """Returns the folder of the newest undamaged checkpoint, or None if none was saved.

    Damaged checkpoints are skipped with a warning.

    Args:
        workdir: The workdir.
        before: If given, only checkpoints of earlier steps are considered.

    Raises:
        CheckpointError: If there are checkpoints and all are damaged.
    """
    folder = _folder(workdir)
    return _step_folder(folder, _newest_step(folder, before))


def agreed(workdir: epath.PathLike, *, before: int | None = None) -> epath.Path | None:
    """Returns the same checkpoint on all processes: process 0 finds it as ``newest`` does and broadcasts its step.

    Raises:
        CheckpointError: If there are checkpoints and all are damaged.
    """
    folder = _folder(workdir)
    step = _newest_step(folder, before) if jax.process_index() == 0 else _NONE
    if jax.process_count() > 1:
        step = int(multihost_utils.broadcast_one_to_all(np.int32(step)))
    return _step_folder(folder, step)


def best(workdir: epath.PathLike) -> epath.Path | None:
    """Returns the folder of the undamaged checkpoint with the lowest held-out score, or the newest without scores."""
    folder = _folder(workdir)
    scores = _scores(folder)
    while (step := retention.best_step(scores)) is not None:
        if _is_good(folder / str(step)):
            return folder / str(step)
        del scores[step]
    return newest(workdir)


WHICH = {"newest": newest, "best": best}


def read_progress(checkpoint: epath.Path) -> Progress:
    """Reads the progress of a verified checkpoint."""
    return Progress(**ocp.JsonCheckpointHandler().restore(checkpoint / "progress"))


def restore(checkpoint: epath.Path, abstract: TrainState) -> TrainState:
    """Restores a verified checkpoint onto the shardings of ``abstract``, whatever mesh it was saved from.

    Args:
        checkpoint: Folder of the checkpoint.
        abstract: State of shapes, types and shardings.

    Raises:
        CheckpointError: If names, shapes or types of arrays differ from those of ``abstract``.
    """
    handler = ocp.StandardCheckpointHandler()
    wanted = {"model": _model_tree(abstract), "optimizer": abstract.opt_state}
    for item, tree in wanted.items():
        _require_fit(handler.metadata(checkpoint / item).tree, tree, f"{checkpoint}, {item}")
    model, opt_state = (
        handler.restore(checkpoint / item, args=ocp.args.StandardRestore(tree)) for item, tree in wanted.items()
    )
    step = jax.device_put(np.int32(read_progress(checkpoint).step), abstract.step.sharding)
    return TrainState(step=step, opt_state=opt_state, **model)


def load_params(workdir: epath.PathLike, which: str = "newest") -> Weights:
    """Loads the weights of a workdir's checkpoint into host memory.

    Args:
        workdir: The workdir.
        which: ``newest``, or ``best`` for the lowest held-out score.

    Raises:
        ValueError: If ``which`` is neither.
        CheckpointError: If the workdir has no checkpoint, or only damaged ones.
    """
    checkpoint = _existing(workdir, which)
    handler = ocp.PyTreeCheckpointHandler()
    saved = handler.metadata(checkpoint / "model").tree
    as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), saved)
    model: Any = handler.restore(checkpoint / "model", args=ocp.args.PyTreeRestore(restore_args=as_numpy))
    averaged = model["ema_params"]
    return Weights(params=model["params"] if averaged is None else averaged, model_state=model["model_state"])


def fingerprint(workdir: epath.PathLike, which: str = "newest") -> str:
    """Returns a hash of the checkpoint that ``load_params`` loads, with the same arguments and errors."""
    return hashlib.sha256((_existing(workdir, which) / manifest.NAME).read_bytes()).hexdigest()


def trained_steps(workdir: epath.PathLike) -> int:
    """Returns the step of the newest undamaged checkpoint.

    Raises:
        CheckpointError: If the workdir has no checkpoint, or only damaged ones.
    """
    return int(_existing(workdir, "newest").name)


class Saver:
    """Context manager that saves checkpoints in the background; on exit it waits for the last one.

    Args:
        workdir: The workdir.
        start: Step that the run continues from. Checkpoints of later steps, which are damaged, are deleted.
    """

    def __init__(self, workdir: epath.PathLike, *, start: int) -> None:
        self._folder = epath.Path(workdir) / FOLDER
        self._step = start
        self._scores = _scores(_folder(workdir))
        options = ocp.CheckpointManagerOptions(
            preservation_policy=retention.NewestAndBest(KEEP, self._scores),
            cleanup_tmp_directories=True,
            async_options=ocp.AsyncOptions(post_finalization_callback=self._sign),
        )
        self._manager = ocp.CheckpointManager(self._folder.resolve(), options=options)
        for step in self._manager.all_steps():
            if step > start:
                logging.warning("removing the damaged checkpoint of step %d: training continues from %d", step, start)
                self._manager.delete(step)

    def __enter__(self) -> "Saver":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._explained():
            self._manager.close()

    def save(self, state: TrainState, progress: Progress) -> None:
        """Copies the state from the devices and writes it in the background, after the save before has ended.

        Raises:
            CheckpointError: If the save before could not be written, or the disk has no room for this one.
        """
        with self._explained():
            self._manager.wait_until_finished()
        self._step = progress.step
        with self._explained():
            atomic.require_room(self._folder, _bytes_here(state) + BESIDE)
        self._scores.pop(progress.step, None)
        if progress.score is not None and math.isfinite(progress.score):
            self._scores[progress.step] = progress.score
        items = ocp.args.Composite(
            model=ocp.args.StandardSave(_model_tree(state)),
            optimizer=ocp.args.StandardSave(state.opt_state),
            progress=ocp.args.JsonSave(dataclasses.asdict(progress)),
        )
        self._manager.save(progress.step, args=items, force=True)

    def preempted(self, step: int) -> bool:
        """Returns True on all processes at the step that they agreed to stop at, after a SIGTERM to one of them."""
        return jax.process_count() > 1 and self._manager.reached_preemption(step)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"cannot write the checkpoint of step {self._step} into {self._folder}: {error}. The newest good "
                "checkpoint is kept: make room, or make the folder writable, and repeat the command"
            ) from error

    def _sign(self) -> None:
        """Writes the manifest; orbax calls this after all files are written and before it renames the folder."""
        if jax.process_index() == 0:
            unfinished = list(self._folder.glob(f"{self._step}.orbax-checkpoint-tmp*"))
            manifest.write(unfinished[0] if unfinished else self._folder / str(self._step), ITEMS)


def require_known(which: str) -> None:
    """Raises a ValueError unless there is a way of choosing a checkpoint of that name."""
    if which not in WHICH:
        raise ValueError(f"config.evaluation.checkpoint {which!r}: known are {', '.join(WHICH)}")


def _existing(workdir: epath.PathLike, which: str) -> epath.Path:
    require_known(which)
    checkpoint = WHICH[which](workdir)
    if checkpoint is None:
        raise CheckpointError(
            f"no checkpoint in {epath.Path(workdir) / FOLDER}: train there first, or correct the path"
        )
    return checkpoint


def _folder(workdir: epath.PathLike) -> epath.Path:
    return epath.Path(workdir).resolve() / FOLDER  # orbax takes absolute paths only


def _step_folder(folder: epath.Path, step: int) -> epath.Path | None:
    if step == _ALL_DAMAGED:
        raise CheckpointError(
            f"every checkpoint in {folder} is damaged. Restore the folder from a copy, or remove it to train anew"
        )
    return None if step == _NONE else folder / str(step)


_NONE, _ALL_DAMAGED = -1, -2
_SHOWN = 5  # differing arrays named in an error


def _newest_step(folder: epath.Path, before: int | None) -> int:
    found = [step for step in _steps(folder) if before is None or step < before]
    good = next((step for step in sorted(found, reverse=True) if _is_good(folder / str(step))), None)
    if good is not None:
        return good
    return _ALL_DAMAGED if found else _NONE


def _steps(folder: epath.Path) -> list[int]:
    return [int(path.name) for path in folder.glob("*") if path.name.isdigit()]


def _is_good(checkpoint: epath.Path) -> bool:
    problem = manifest.problem(checkpoint)
    if problem is not None:
        logging.warning("the checkpoint %s is damaged and not used: %s", checkpoint, problem)
    return problem is None


def _scores(folder: epath.Path) -> dict[int, float]:
    """Returns the finite held-out scores of readable checkpoints, by step."""
    found = {}
    for step in _steps(folder):
        try:
            found[step] = read_progress(folder / str(step)).score
        except (OSError, ValueError, TypeError, KeyError):
            continue  # a damaged checkpoint is reported when it is used
    return {step: score for step, score in found.items() if score is not None and math.isfinite(score)}


def _model_tree(state: TrainState) -> dict[str, PyTree]:
    return {"params": state.params, "ema_params": state.ema_params, "model_state": state.model_state}


def _bytes_here(state: TrainState) -> int:
    """Returns the bytes that this process writes of a state: the shards that no other process writes."""
    shards = (shard for array in jax.tree.leaves(state) for shard in array.addressable_shards)
    return sum(shard.data.nbytes for shard in shards if shard.replica_id == 0)


def _require_fit(saved: PyTree, wanted: PyTree, where: str) -> None:
    there, here = _arrays(saved), _arrays(wanted)
    differing = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    if differing:
        shown = "; ".join(f"{name}: saved {there.get(name)}, wanted {here.get(name)}" for name in differing[:_SHOWN])
        raise CheckpointError(
            f"{where} does not fit the model being trained in {len(differing)} arrays: {shown}. "
            f"Continue with the config it was trained with, or train in another workdir"
        )


def _arrays(tree: PyTree) -> dict[str, str]:
    leaves = jax.tree.leaves_with_path(tree)
    return {sharding.path_name(path): f"{np.dtype(leaf.dtype)}{tuple(leaf.shape)}" for path, leaf in leaves}
