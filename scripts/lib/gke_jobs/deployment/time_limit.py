"""Limits the time of a block, whatever it waits for: a socket timeout applies to each packet only."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class TimeIsOverError(Exception):
    """The limit has passed. Not an OSError: code that tries several addresses continues after those."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsOverError in the block after so many seconds. Only for the main thread; limits cannot be nested."""

    def end(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise TimeIsOverError(f"no complete answer within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))  # 0 means no limit
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
