"""The one error that rendering raises: lines for people and the exit status that goes with them."""

from __future__ import annotations

from gke_jobs.plain_text import one_line

USAGE = 64
BAD_INPUT = 65
NO_TEMPLATE = 66
NOT_CONFIGURED = 78


class RenderError(Exception):
    """What is wrong, with which object, and what to do, one line each; `status` as in the exit-code table."""

    def __init__(self, status: int, *messages: str) -> None:
        self.lines = [one_line(message) for message in messages]  # they may name keys and values, foreign text
        super().__init__("; ".join(self.lines))
        self.status = status
