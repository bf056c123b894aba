"""Stopping on request: SIGTERM and Ctrl-C end the training loop at its next step, with its state saved."""

import signal
import threading
from types import FrameType, TracebackType

import jax
from absl import logging


class Interrupt:
    """Context manager in which SIGTERM and the first SIGINT only set ``asked`` to the signal's number.

    A second SIGINT interrupts as usual, and the former handlers are restored on exit. Outside the main thread, where
    Python allows no handlers, signals keep their effect, and a warning is logged. With several processes, which must
    stop at the same step, no handler is set: ``jax.distributed`` handles SIGTERM and agrees on a step
    (``Saver.preempted``).
    """

    def __init__(self) -> None:
        self.asked = 0
        self._former: dict[int, object] = {}

    def __enter__(self) -> "Interrupt":
        if jax.process_count() > 1:
            return self
        if threading.current_thread() is not threading.main_thread():
            logging.warning("training runs outside the main thread: SIGTERM and SIGINT will end it without saving")
            return self
        for number in (signal.SIGTERM, signal.SIGINT):
            self._former[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number in list(self._former):
            self._restore(number)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.asked = number
        if number == signal.SIGINT:
            self._restore(number)

    def _restore(self, number: int) -> None:
        handler = self._former.pop(number, None)
        if handler is not None:
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
