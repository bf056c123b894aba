"""The policy of which checkpoints are kept: the newest ones, and the best by a held-out score."""

from collections.abc import Sequence
from typing import Any


class NewestAndBest:
    """Preservation policy for orbax that keeps the newest checkpoints and the one with the lowest score.

    Args:
        newest: Number of newest checkpoints to keep.
        scores: Held-out scores by step, the lower the better; checkpoints without a score are never the best.
    """

    def __init__(self, newest: int, scores: dict[int, float]) -> None:
        self._newest = newest
        self.scores = scores

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        """Returns whether to keep each of the checkpoints, which are in the order of their steps."""
        del context
        steps = [checkpoint.step for checkpoint in checkpoints]
        kept = {*steps[-self._newest :], best_step({s: self.scores[s] for s in steps if s in self.scores})}
        return [step in kept for step in steps]


def best_step(scores: dict[int, float]) -> int | None:
    """Returns the step of the lowest score, the latest of equals, or None without scores."""
    return min(scores, key=lambda step: (scores[step], -step), default=None)
