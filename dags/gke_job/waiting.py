"""When a deferred task has something to do: what a watch has seen of its Job, and clocks, without I/O.

All times are seconds since the epoch, as of time.time(): a wait goes on in other processes, and on other machines.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from .report import one_line

GONE_SECONDS = 10.0  # after which a Job that the watch does not know is not there
RELOOK_SECONDS = 60.0  # from the beginning of a wait until what may have ended the wait before can end this one
Why = Literal["finished", "gone", "timeout", "schedule_timeout", "start_timeout", "unreachable", "logs", "watch_failed"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When the wait is over, and seconds; None for no limit.

    unreachable_timeout: without a view of the cluster; logging_interval: until a worker is to print the logs so far
    """

    timeout_at: float | None = None
    schedule_timeout: float | None = None
    start_timeout: float | None = None
    unreachable_timeout: float | None = None
    logging_interval: float | None = None


@dataclass(frozen=True, kw_only=True)
class Since:
    """Since when the Job lacks nodes, and cannot start; None where it does not."""

    lacks_nodes: float | None = None
    cannot_start: float | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What watch-jobs has reported of a Job. state: `Complete`, ...; why: why a Pod waits or cannot be started."""

    state: str = ""
    finished: bool = False
    lacks_nodes: bool = False
    cannot_start: bool = False
    why: str = ""

    @classmethod
    def read(cls, report: dict[str, Any]) -> Seen:
        """Takes a line of watch-jobs; what has another type than it should counts as not reported."""
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
    """What a watch knows for one Job.

    seen: None as long as it knows nothing of the Job; gone: it has seen the Job go; missing_since: since when all Jobs
    are known, and this one is not among them; blind_since: since when it does not see the cluster, and trouble: why;
    failed: why it has ended for good
    """

    seen: Seen | None = None
    gone: bool = False
    missing_since: float | None = None
    blind_since: float | None = None
    trouble: str = ""
    failed: str = ""


@dataclass(frozen=True, kw_only=True)
class Fire:
    """An event for the task."""

    why: Why
    message: str


class Waiting:
    """One wait. `decide` is to be called after each change of the view, and at `next_time`.

    since: from the wait before, which counts on as long as it is still so. A worker was resumed for what was over there
    and has found something else, in the Events of the Job for instance: it fires again after RELOOK_SECONDS
    """

    def __init__(self, job: str, limits: Limits, since: Since, now: float) -> None:
        self._job, self._limits, self._begun = job, limits, now
        self.since = since
        self._alarms: list[float] = []

    def next_time(self) -> float | None:
        """When `decide` is to be called again, if nothing changes."""
        return min(self._alarms, default=None)

    def decide(self, view: View, now: float) -> Fire | None:
        """Returns what there is to do, None for nothing yet."""
        self._alarms = []
        if view.seen is not None:
            self._note(view.seen, now)
        why, message = self._why(view, now)
        return Fire(why=why, message=message) if why else None

    def payload(self, fire: Fire) -> dict[str, Any]:
        """Returns the payload of the event: JSON."""
        return {"why": fire.why, "message": fire.message, "since": asdict(self.since)}

    def _note(self, seen: Seen, now: float) -> None:
        self.since = Since(
            lacks_nodes=_since(self.since.lacks_nodes, now, is_so=seen.lacks_nodes),
            cannot_start=_since(self.since.cannot_start, now, is_so=seen.cannot_start),
        )

    def _why(self, view: View, now: float) -> tuple[Why | None, str]:
        job, limits = f"Job {self._job}", self._limits
        because = f": {view.seen.why}" if view.seen and view.seen.why else ""
        blind_since = None if view.blind_since is None else max(view.blind_since, self._begun)
        if view.seen is not None and view.seen.finished:
            return "finished", f"{job} is finished: {view.seen.state}"
        if view.seen is not None and view.seen.state == "SuccessCriteriaMet":  # the check waits for the last Pods
            return "finished", f"{job} has met its success criteria"
        if view.gone:
            return "gone", f"{job} is gone"
        if view.failed and self._is_over(self._begun, RELOOK_SECONDS, now):
            return "watch_failed", f"cannot watch {job}: {view.failed}"
        if self._is_over(view.missing_since, GONE_SECONDS, now):
            return "gone", f"{job} is not among the Jobs of its namespace"
        if self._is_over(limits.timeout_at, 0.0, now):
            return "timeout", f"{job} is not finished: its timeout has passed"
        if self._is_over(self.since.lacks_nodes, limits.schedule_timeout, now, again=True):
            return "schedule_timeout", f"{job} lacks nodes{because}"
        if self._is_over(self.since.cannot_start, limits.start_timeout, now, again=True):
            return "start_timeout", f"{job} cannot start{because}"
        if self._is_over(blind_since, limits.unreachable_timeout, now):
            return "unreachable", f"cannot watch {job}: {view.trouble or 'the cluster does not answer'}"
        if self._is_over(self._begun, limits.logging_interval, now):
            return "logs", f"{job} is not finished"
        return None, ""

    def _is_over(self, since: float | None, limit: float | None, now: float, *, again: bool = False) -> bool:
        """Returns whether a clock has run out. again: it is one of those that may have run out in the wait before."""
        if since is None or limit is None:
            return False
        over = since + limit
        if again and over <= self._begun:
            over = self._begun + min(limit, RELOOK_SECONDS)
        self._alarms.append(over)
        return now >= over


def _since(before: float | None, now: float, *, is_so: bool) -> float | None:
    if not is_so:
        return None
    return now if before is None else before
