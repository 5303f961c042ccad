"""A Job that has met its success criteria: only the end of its Pods is waited for, and that not for long."""

from __future__ import annotations

from collections.abc import Iterator

from gke_jobs.following.events import Action, Message, warning

ENDING_SECONDS = 2.0  # until it is logged that the Job waits for its Pods
LOST_SECONDS = 30.0  # for a Pod that does not end because its node is lost


class Succeeding:
    """The state of this end of a Job, which has not begun at first."""

    def __init__(self, job: str) -> None:
        self._name = f"Job {job}"
        self._since: float | None = None
        self._is_logged = False

    @property
    def has_begun(self) -> bool:
        """Whether the Job has met its success criteria."""
        return self._since is not None

    def begin(self, now: float) -> None:
        """Take note that the Job has met its success criteria."""
        self._since = now if self._since is None else self._since

    def next_time(self) -> float | None:
        """When `act` is to be called again, if nothing happens."""
        return None if self._since is None else self._since + (LOST_SECONDS if self._is_logged else ENDING_SECONDS)

    def is_over(self, now: float) -> bool:
        """Whether its Pods are not waited for any longer."""
        return self._since is not None and now >= self._since + LOST_SECONDS

    def act(self, now: float) -> Iterator[Action]:
        """Log what is waited for."""
        if self.is_over(now):
            yield warning(f"a Pod of {self._name} has not ended; its node may be lost")
        elif not self._is_logged and self._since is not None and now >= self._since + ENDING_SECONDS:
            self._is_logged = True
            yield Message(f"{self._name} has met its success criteria; its Pods are ending")
