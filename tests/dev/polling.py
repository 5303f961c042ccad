"""The poll loop of the Python tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

TIMEOUT_SECONDS = 120
INTERVAL_SECONDS = 0.1


def wait_until(
    condition: Callable[[], Result],
    expected: Callable[[], str] = lambda: "the condition is true",
    *,
    seconds: float = TIMEOUT_SECONDS,
) -> Result:
    """Return the first true result of `condition`.

    Raise AssertionError when there is none within `seconds`; `expected` describes the expectation and the actual state.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {expected()}"
        time.sleep(INTERVAL_SECONDS)
    return result
