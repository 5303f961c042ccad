"""Decides, without I/O, when to resume a deferred task: from the state of its Job and from its timeouts.

All times are seconds since the epoch, as of time.time(), because a wait continues in other processes and on other
machines.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from .run_directory import one_line

GONE_SECONDS = 10.0  # after this time a Job that the watch does not list counts as deleted
RECHECK_SECONDS = 60.0  # a condition that may have ended the previous wait can end this one only after this time
ReasonCode = Literal[
    "finished", "gone", "timeout", "schedule_timeout", "start_timeout", "unreachable", "logs", "watch_failed"
]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a wait; None for no limit.

    timeout_at: when the wait ends, in seconds since the epoch
    schedule_timeout: seconds that the Job may lack nodes
    start_timeout: seconds that the Job may be unable to start
    unreachable_timeout: seconds that the cluster may not answer
    logging_interval: seconds until a worker prints the logs so far
    """

    timeout_at: float | None = None
    schedule_timeout: float | None = None
    start_timeout: float | None = None
    unreachable_timeout: float | None = None
    logging_interval: float | None = None


@dataclass(frozen=True, kw_only=True)
class Since:
    """Since when the Job lacks nodes, and since when it cannot start; None while this is not the case."""

    lacks_nodes: float | None = None
    cannot_start: float | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The last report of watch-jobs on a Job.

    state: `Complete`, ...
    finished: whether the Job is finished
    lacks_nodes: whether the Job lacks nodes
    cannot_start: whether the Job cannot start
    why: why a Pod waits or cannot start
    """

    state: str = ""
    finished: bool = False
    lacks_nodes: bool = False
    cannot_start: bool = False
    why: str = ""

    @classmethod
    def read(cls, report: dict[str, Any]) -> Seen:
        """Returns the report in a line of watch-jobs; a field of a wrong type counts as missing."""
        state, why = report.get("state"), report.get("why")
        return cls(
            state=one_line(state) if isinstance(state, str) else "",
            finished=report.get("finished") is True,
            lacks_nodes=report.get("lacks_nodes") is True,
            cannot_start=report.get("cannot_start") is True,
            why=one_line(why) if isinstance(why, str) else "",
        )


@dataclass(frozen=True, kw_only=True)
class View:
    """The state of a watch for one Job.

    seen: the last report on the Job; None if there is no report
    gone: whether the watch has reported that the Job was deleted
    missing_since: since when the watch knows all Jobs of the namespace, and this one is not among them
    unreachable_since: since when the cluster does not answer
    last_error: why the cluster does not answer
    fatal_error: why the watch has ended and is not started again
    """

    seen: Seen | None = None
    gone: bool = False
    missing_since: float | None = None
    unreachable_since: float | None = None
    last_error: str = ""
    fatal_error: str = ""


@dataclass(frozen=True, kw_only=True)
class Resume:
    """The reason to resume the task."""

    why: ReasonCode
    message: str


class Waiting:
    """One wait. The caller calls `decide` after each change of the view, and at `next_time`.

    `since` is from the previous wait, and stays as long as its condition holds. If a limit had already expired there, a
    worker was resumed for it and did not end the Job, for example because of the Events of the Job. Then this wait
    resumes the task again after RECHECK_SECONDS.
    """

    def __init__(self, job: str, limits: Limits, since: Since, now: float) -> None:
        self._job, self._limits, self._started_at = job, limits, now
        self.since = since
        self._alarms: list[float] = []

    def next_time(self) -> float | None:
        """Returns when to call `decide` again if nothing changes; None for never."""
        return min(self._alarms, default=None)

    def decide(self, view: View, now: float) -> Resume | None:
        """Returns the reason to resume the task; None to continue the wait."""
        self._alarms = []
        if view.seen is not None:
            self._update_since(view.seen, now)
        why, message = self._find_reason(view, now)
        return Resume(why=why, message=message) if why else None

    def payload(self, resume: Resume) -> dict[str, Any]:
        """Returns the payload of the event, in JSON types."""
        return {"why": resume.why, "message": resume.message, "since": asdict(self.since)}

    def _update_since(self, seen: Seen, now: float) -> None:
        self.since = Since(
            lacks_nodes=_since(self.since.lacks_nodes, now, is_active=seen.lacks_nodes),
            cannot_start=_since(self.since.cannot_start, now, is_active=seen.cannot_start),
        )

    def _find_reason(self, view: View, now: float) -> tuple[ReasonCode | None, str]:
        job, limits = f"Job {self._job}", self._limits
        because = f": {view.seen.why}" if view.seen and view.seen.why else ""
        unreachable_since = None if view.unreachable_since is None else max(view.unreachable_since, self._started_at)
        if view.seen is not None and view.seen.finished:
            return "finished", f"{job} is finished: {view.seen.state}"
        if view.seen is not None and view.seen.state == "SuccessCriteriaMet":  # run-job waits for the last Pods
            return "finished", f"{job} has met its success criteria"
        if view.gone:
            return "gone", f"{job} was deleted"
        if view.fatal_error and self._has_expired(self._started_at, RECHECK_SECONDS, now):
            return "watch_failed", f"cannot watch {job}: {view.fatal_error}"
        if self._has_expired(view.missing_since, GONE_SECONDS, now):
            return "gone", f"{job} was not found in its namespace"
        if self._has_expired(limits.timeout_at, 0.0, now):
            return "timeout", f"{job} is not finished: its timeout has expired"
        if self._has_expired(self.since.lacks_nodes, limits.schedule_timeout, now, again=True):
            return "schedule_timeout", f"{job} lacks nodes{because}"
        if self._has_expired(self.since.cannot_start, limits.start_timeout, now, again=True):
            return "start_timeout", f"{job} cannot start{because}"
        if self._has_expired(unreachable_since, limits.unreachable_timeout, now):
            return "unreachable", f"cannot watch {job}: {view.last_error or 'the cluster does not answer'}"
        if self._has_expired(self._started_at, limits.logging_interval, now):
            return "logs", f"{job} is not finished"
        return None, ""

    def _has_expired(self, since: float | None, limit: float | None, now: float, *, again: bool = False) -> bool:
        """Returns whether a time limit has expired.

        :param again: whether it may also have expired in the previous wait
        """
        if since is None or limit is None:
            return False
        expiry = since + limit
        if again and expiry <= self._started_at:
            expiry = self._started_at + min(limit, RECHECK_SECONDS)
        self._alarms.append(expiry)
        return now >= expiry


def _since(before: float | None, now: float, *, is_active: bool) -> float | None:
    if not is_active:
        return None
    return now if before is None else before
