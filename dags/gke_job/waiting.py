"""Decides, without I/O, when to resume a deferred task: from the state of its Job and from its timeouts.

All times are seconds since the epoch, as of time.time(), because a wait continues in other processes and on other
machines.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from .run_directory import one_line

MISSING_SECONDS = 10.0  # a Job that the watch has not listed for this time counts as deleted
RECHECK_SECONDS = 60.0  # for a limit that had expired in the previous wait, the task is resumed again after this time
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
class ConditionTimes:
    """Since when the Job lacks nodes, and since when it cannot start; None while this is not the case."""

    lacks_nodes: float | None = None
    cannot_start: float | None = None


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """The status of a Job, as watch-jobs has printed it last.

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
    def read(cls, event: dict[str, Any]) -> JobStatus:
        """Returns the status in an event of watch-jobs; a field of a wrong type counts as missing."""
        state, why = event.get("state"), event.get("why")
        return cls(
            state=one_line(state) if isinstance(state, str) else "",
            finished=event.get("finished") is True,
            lacks_nodes=event.get("lacks_nodes") is True,
            cannot_start=event.get("cannot_start") is True,
            why=one_line(why) if isinstance(why, str) else "",
        )


@dataclass(frozen=True, kw_only=True)
class WatchState:
    """The state of the watch, as far as it concerns one Job.

    job_status: the status of the Job; None if it is not known
    gone: whether the watch has reported that the Job was deleted
    missing_since: since when the watch knows all Jobs of the namespace, and this one is not among them
    unreachable_since: since when the cluster does not answer
    last_error: why the cluster does not answer
    fatal_error: why the watch has ended and is not started again
    """

    job_status: JobStatus | None = None
    gone: bool = False
    missing_since: float | None = None
    unreachable_since: float | None = None
    last_error: str = ""
    fatal_error: str = ""


@dataclass(frozen=True, kw_only=True)
class ResumeReason:
    """The reason to resume the task."""

    reason: ReasonCode
    message: str


class Wait:
    """One wait. Call `decide` after each change of the watch state, and at `next_time`.

    `since` comes from the previous wait, and stays while its condition is true. If a limit had already expired in the
    previous wait, a worker has checked the Job and has not ended it, for example because of the Events of the Job.
    Then this wait resumes the task again after RECHECK_SECONDS.
    """

    def __init__(self, job: str, limits: Limits, since: ConditionTimes, now: float) -> None:
        self._job, self._limits, self._started_at = job, limits, now
        self.since = since
        self._alarms: list[float] = []

    def next_time(self) -> float | None:
        """Returns when to call `decide` again if nothing changes; None for never."""
        return min(self._alarms, default=None)

    def decide(self, watch: WatchState, now: float) -> ResumeReason | None:
        """Returns the reason to resume the task; None to continue the wait."""
        self._alarms = []
        if watch.job_status is not None:
            self._update_since(watch.job_status, now)
        reason, message = self._find_reason(watch, now)
        return ResumeReason(reason=reason, message=message) if reason else None

    def payload(self, resume: ResumeReason) -> dict[str, Any]:
        """Returns the payload of the event, in JSON types."""
        return {"reason": resume.reason, "message": resume.message, "since": asdict(self.since)}

    def _update_since(self, status: JobStatus, now: float) -> None:
        self.since = ConditionTimes(
            lacks_nodes=_since(self.since.lacks_nodes, now, is_active=status.lacks_nodes),
            cannot_start=_since(self.since.cannot_start, now, is_active=status.cannot_start),
        )

    def _find_reason(self, watch: WatchState, now: float) -> tuple[ReasonCode | None, str]:
        job, status, limits = f"Job {self._job}", watch.job_status, self._limits
        because = f": {status.why}" if status and status.why else ""
        unreachable_since = None if watch.unreachable_since is None else max(watch.unreachable_since, self._started_at)
        if status is not None and status.finished:
            return "finished", f"{job} is finished: {status.state}"
        if status is not None and status.state == "SuccessCriteriaMet":  # run-job waits for the last Pods
            return "finished", f"{job} has met its success criteria"
        if watch.gone:
            return "gone", f"{job} was deleted"
        if watch.fatal_error and self._has_expired(self._started_at, RECHECK_SECONDS, now):
            return "watch_failed", f"cannot watch {job}: {watch.fatal_error}"
        if self._has_expired(watch.missing_since, MISSING_SECONDS, now):
            return "gone", f"{job} was not found in its namespace"
        if self._has_expired(limits.timeout_at, 0.0, now):
            return "timeout", f"{job} is not finished: its timeout has expired"
        if self._has_expired(self.since.lacks_nodes, limits.schedule_timeout, now, again=True):
            return "schedule_timeout", f"{job} lacks nodes{because}"
        if self._has_expired(self.since.cannot_start, limits.start_timeout, now, again=True):
            return "start_timeout", f"{job} cannot start{because}"
        if self._has_expired(unreachable_since, limits.unreachable_timeout, now):
            return "unreachable", f"cannot watch {job}: {watch.last_error or 'the cluster does not answer'}"
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
