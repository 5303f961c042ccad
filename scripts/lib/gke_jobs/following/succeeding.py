"""A Job that has met its success criteria: the follower only waits for its Pods to end, for a limited time."""

from __future__ import annotations

from collections.abc import Iterator

from gke_jobs.following.events import Action, Message, warning

ENDING_SECONDS = 2.0  # until a message that the Job waits for its Pods
LOST_SECONDS = 30.0  # limit for a Pod that does not end because its node is lost


class Succeeding:
    """The state of this end of a Job; at first it has not begun."""

    def __init__(self, job: str) -> None:
        self._name = f"Job {job}"
        self._since: float | None = None
        self._is_logged = False

    @property
    def has_begun(self) -> bool:
        """Whether the Job has met its success criteria."""
        return self._since is not None

    def begin(self, now: float) -> None:
        """Record that the Job has met its success criteria."""
        self._since = now if self._since is None else self._since

    def next_time(self) -> float | None:
        """Return when `act` must be called again if no event comes before."""
        return None if self._since is None else self._since + (LOST_SECONDS if self._is_logged else ENDING_SECONDS)

    def is_over(self, now: float) -> bool:
        """Whether the wait for its Pods has timed out."""
        return self._since is not None and now >= self._since + LOST_SECONDS

    def act(self, now: float) -> Iterator[Action]:
        """Log the Pods that the Job waits for."""
        if self.is_over(now):
            yield warning(f"a Pod of {self._name} has not ended; its node may be lost")
        elif not self._is_logged and self._since is not None and now >= self._since + ENDING_SECONDS:
            self._is_logged = True
            yield Message(f"{self._name} has met its success criteria; its Pods are terminating")
