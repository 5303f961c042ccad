"""The one error that rendering raises: a line for people and the exit status that goes with it."""

from __future__ import annotations

USAGE = 64
BAD_INPUT = 65
NO_TEMPLATE = 66
NOT_CONFIGURED = 78


class RenderError(Exception):
    """What is wrong, with which object, and what to do, in one line; `status` as in the exit-code table."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(" ".join(message.split()))
        self.status = status
