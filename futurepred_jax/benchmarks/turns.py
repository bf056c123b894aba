"""Processor seconds of several things in one process, each in its turn, so that what else the machine does hits all."""

import time
from collections.abc import Callable, Sequence
from typing import Any

Run = Callable[[], Any]
RUNS = 3


def seconds(runs: Sequence[Run]) -> list[float]:
    """Least processor seconds of each, taking turns, after one run that is not counted."""
    least = [float("inf")] * len(runs)
    for turn in range(RUNS + 1):
        for i, run in enumerate(runs):
            start = time.process_time()
            run()
            if turn:
                least[i] = min(least[i], time.process_time() - start)
    return least
