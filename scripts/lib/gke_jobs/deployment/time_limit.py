"""A limit for the time that a block takes, whatever it waits for: a timeout of a socket is one for each packet."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class TimeIsOverError(Exception):
    """No OSError: what connects to one address after the other goes on after those."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsOverError in the block after so many seconds. For the main thread, and not within another one."""

    def end(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise TimeIsOverError(f"no whole answer within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))  # 0 is none
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
