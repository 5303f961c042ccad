"""The only error that rendering raises: lines for users, and an exit code."""

from __future__ import annotations

from gke_jobs.plain_text import one_line

USAGE = 64
BAD_INPUT = 65
NO_TEMPLATE = 66
NOT_CONFIGURED = 78


class RenderError(Exception):
    """Messages with the error, the object and what to do, one line each; `status` is from the table of exit codes."""

    def __init__(self, status: int, *messages: str) -> None:
        self.lines = [one_line(message) for message in messages]  # keys and values in them are foreign text
        super().__init__("; ".join(self.lines))
        self.status = status
