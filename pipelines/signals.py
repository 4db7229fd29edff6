"""SIGTERM and SIGINT as a question that the training loop answers between two calls."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Stopped(KeyboardInterrupt):
    """A signal asked the training to stop; its state is saved and can be resumed."""


@contextmanager
def interruptible() -> Iterator[None]:
    """While the block runs, SIGINT ends the process: a wait outside of Python never lets its handlers run.

    SIGTERM is taken by TensorFlow itself while it waits for other workers, and has no effect there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python takes no handlers here
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Signals:
    """While the block runs, the first signal is noted and the second one interrupts at once.

    Attributes:
        asked: whether a signal has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        handler: Callable[[int, FrameType | None], None] = self._note
        try:
            self._before = {s: signal.signal(s, handler) for s in (signal.SIGTERM, signal.SIGINT)}
        except ValueError:  # not in the main thread, where Python takes no handlers
            self._before = {}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def raise_if(self, asked: bool) -> None:
        """Stop here, where the state has been saved.

        Args:
            asked: whether any worker was asked, which the training loop knows.

        Raises:
            Stopped: when one was.
        """
        if asked:
            raise Stopped("stopped by a signal")
