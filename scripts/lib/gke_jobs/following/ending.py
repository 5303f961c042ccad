"""The end of a wait or a check: the verdict is known, and is issued after the rest of the logs is read."""

from __future__ import annotations

from collections.abc import Iterator

from gke_jobs import exit_codes
from gke_jobs.following.events import Action, Finish, Kind
from gke_jobs.following.jobs import Job
from gke_jobs.following.log_streams import LogStreams
from gke_jobs.following.pods_seen import PodsSeen
from gke_jobs.following.reconnecting import Reconnecting

RELIST_SECONDS = 2.0  # for a last list of the Pods


class Ending:
    """The state of an end; at first it has not begun."""

    def __init__(self, *, logs: LogStreams, pods: PodsSeen, watches: Reconnecting) -> None:
        self._logs, self._pods, self._watches = logs, pods, watches
        self._verdict: Finish | None = None
        self._relisting: float | None = None  # the time until which the last list of the Pods is awaited

    @property
    def has_begun(self) -> bool:
        """Whether the verdict is known."""
        return self._verdict is not None

    def begin(self, verdict: Finish, job: Job | None, now: float) -> Iterator[Action]:
        """Begin; the caller then calls `act`. If the Job counts ends of Pods that were not seen, list them again."""
        self._verdict = verdict
        if self._pods.are_behind(job):
            self._relisting = now + RELIST_SECONDS
            yield self._watches.begin(Kind.PODS, now)
            return
        yield from self._logs.drain(now, is_last=verdict.status != exit_codes.NOT_FINISHED)

    def next_time(self) -> float | None:
        """Return when `act` must be called again if no event comes before."""
        return self._relisting

    def relisted(self) -> None:
        """Record that the last list has arrived, or that it cannot be read."""
        self._relisting = None

    def act(self, now: float) -> Iterator[Action]:
        """Read the rest of the logs; then yield the verdict."""
        if self._verdict is None:
            return
        if self._relisting is not None and now >= self._relisting:
            self._relisting = None
        if self._relisting is None and not self._logs.is_draining:
            yield from self._logs.drain(now)
        yield from self._logs.act(now)
        yield from self._logs.drained(now)
        if self._logs.is_draining and self._logs.is_drained:
            yield self._verdict
