"""The one error that rendering raises: a line for people and the exit status that goes with it."""

from __future__ import annotations

from gke_jobs.plain_text import one_line

USAGE = 64
BAD_INPUT = 65
NO_TEMPLATE = 66
NOT_CONFIGURED = 78


class RenderError(Exception):
    """What is wrong, with which object, and what to do, in one line; `status` as in the exit-code table."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(one_line(message))  # it may name keys and values, which are foreign text
        self.status = status
