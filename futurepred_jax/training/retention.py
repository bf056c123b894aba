"""Which checkpoints are kept: the newest few, and the best by a held-out score."""

from collections.abc import Sequence
from typing import Any


class NewestAndBest:
    """orbax's preservation policy for ``newest`` checkpoints and that of the lowest score.

    Args:
        newest: How many.
        scores: Score by step; a step without one is kept only while it is new.
    """

    def __init__(self, newest: int, scores: dict[int, float]) -> None:
        self._newest = newest
        self.scores = scores

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        """Whether to keep each of the checkpoints, which come in the order of their steps."""
        del context
        steps = [checkpoint.step for checkpoint in checkpoints]
        kept = {*steps[-self._newest :], best_step({s: self.scores[s] for s in steps if s in self.scores})}
        return [step in kept for step in steps]


def best_step(scores: dict[int, float]) -> int | None:
    """The step of the lowest score, the latest of equals; None where there is none."""
    return min(scores, key=lambda step: (scores[step], -step), default=None)
