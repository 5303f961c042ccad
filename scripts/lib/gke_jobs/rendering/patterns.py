"""Matches the regular expressions of a schema, with a time limit."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

SECONDS = 1.0  # processor time; a pattern that needs more for one value has catastrophic backtracking
DOLLAR = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\$", re.DOTALL)


class PatternTimeoutError(Exception):
    """A pattern takes too long."""


def matches(pattern: str, text: str) -> bool:
    """Return whether `pattern` is found in `text`; `$` is the end of the text. PatternTimeoutError after SECONDS."""
    with _limited():
        return bool(_compiled(pattern).search(text))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(DOLLAR.sub(lambda found: found[1] or r"\Z", pattern))


@contextmanager
def _limited() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # other threads cannot set a signal handler
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _end)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _end(_number: int, _frame: object) -> None:
    raise PatternTimeoutError
