"""Required reads: retried while the cluster does not answer; other errors give an exit code and a message."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gke_jobs import exit_codes
from gke_jobs.connection import Connection
from gke_jobs.errors import LOGIN_SECONDS, ApiError, Verdict, classify, sentence
from gke_jobs.json_access import Json, list_at, text_at
from gke_jobs.messages import WARNING, die, log

UNREACHABLE_SECONDS = 600.0
PAGE = 500
LONGEST_DELAY = 30.0
EXIT_CODES = {
    Verdict.TRANSIENT: exit_codes.UNREACHABLE,
    Verdict.LOGIN: exit_codes.DENIED,
    Verdict.DENIED: exit_codes.DENIED,
    Verdict.CONFIG: exit_codes.CONFIG,
    Verdict.USAGE: exit_codes.USAGE,
    Verdict.REFUSED: exit_codes.DATA,
}


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads over a connection, with retries for as long as the run may wait for an answer."""

    connection: Connection
    unreachable_seconds: float = UNREACHABLE_SECONDS
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def get(self, purpose: str, path: str, query: dict[str, str] | None = None) -> Json:
        """Return the JSON at a path, None if there is no such object. ScriptError if it cannot be read.

        purpose: of the read, follows `cannot` in a message
        """
        began, delay = self.clock(), 1.0
        while True:
            try:
                return self.connection.get_json(path, query)
            except ApiError as error:
                meaning = classify(error.answer)
            if meaning.verdict is Verdict.ABSENT:
                return None
            patience = {Verdict.TRANSIENT: self.unreachable_seconds, Verdict.LOGIN: LOGIN_SECONDS}
            left = began + min(patience.get(meaning.verdict, 0.0), self.unreachable_seconds) - self.clock()
            failure = f"cannot {purpose}: {meaning.message}"
            if left <= 0:
                die(
                    EXIT_CODES.get(meaning.verdict, exit_codes.UNREACHABLE),
                    f"cannot {purpose}: {sentence(meaning)}",
                )
            log(f"{failure}; retrying in {delay:g} s", WARNING)
            self.sleep(min(delay, left))
            delay = min(delay * 2, LONGEST_DELAY)

    def list(self, purpose: str, path: str, query: dict[str, str]) -> list[Json]:
        """Return the objects of a list, read in pages."""
        found: list[Json] = []
        page = dict(query, limit=str(PAGE))
        while True:
            answer = self.get(purpose, path, page)
            found += list_at(answer, "items")
            token = text_at(answer, "metadata", "continue")
            if not token:
                return found
            page["continue"] = token
