"""The regular expressions of a schema: what they match, and an end for those that would take years."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

SECONDS = 1.0  # of processor time: a pattern that needs more for one value tries all ways through it
DOLLAR = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\$", re.DOTALL)


class EndlessError(Exception):
    """A pattern takes too long."""


def matches(pattern: str, text: str) -> bool:
    """Return whether `pattern` is found in `text`; `$` is the end of the text, as in JSON Schema. EndlessError."""
    with _limited():
        return bool(_compiled(pattern).search(text))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(DOLLAR.sub(lambda found: found[1] or r"\Z", pattern))


@contextmanager
def _limited() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # where no signal handler can be set
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
    raise EndlessError
