"""The timeouts of a wait, and the progress message after an interval without messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gke_jobs import exit_codes
from gke_jobs.following.creation import Creation
from gke_jobs.following.events import Action, Finish, Message
from gke_jobs.following.jobs import Job
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods_seen import LIVE, PLACED, PodsSeen

ENDED = (Phase.SUCCEEDED, Phase.FAILED)
SHOWN = (*PLACED, Phase.WAITING, *ENDED)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits in seconds; None for no limit.

    timeout: the whole wait; schedule: until a Pod, or all Pods of a gang, have a node; start: for a Pod that cannot be
    started, or Pods that cannot be created; heartbeat: from the last message to a progress message
    """

    timeout: float | None
    schedule: float | None
    start: float | None
    heartbeat: float


@dataclass(frozen=True, kw_only=True)
class Waited:
    """Seconds that earlier processes have waited for the Job.

    total: of the whole wait; for_nodes: in which the Job lacked nodes; to_start: in which a Pod could not be started or
    created. The last two count only if that is still so
    """

    total: float = 0.0
    for_nodes: float = 0.0
    to_start: float = 0.0


NOT_WAITED = Waited()


class Clocks:
    """The clocks of one wait; `check` is called after each event and at `next_time`."""

    def __init__(self, job: str, limits: Limits, now: float, waited: Waited = NOT_WAITED) -> None:
        self._job, self._limits, self._start, self._waited = job, limits, now - waited.total, waited
        self._logged_at = now
        self._waiting: float | None = None  # time since which the Pods have no node
        self._stuck: float | None = None  # time since which a Pod cannot be started, or none can be created
        self._alarms: list[float] = []

    def logged(self, now: float) -> None:
        """Record that a message was logged."""
        self._logged_at = now

    def next_time(self) -> float | None:
        """Return when `check` must be called again if no event comes before."""
        return min([*self._alarms, self._logged_at + self._limits.heartbeat])

    def is_out_of_time(self, now: float) -> bool:
        """Whether the whole wait has timed out."""
        return self.ends_at is not None and now >= self.ends_at

    @property
    def ends_at(self) -> float | None:
        """The time at which the whole wait times out."""
        return None if self._limits.timeout is None else self._start + self._limits.timeout

    def check(self, job: Job | None, pods: PodsSeen, creation: Creation, now: float) -> Iterator[Action]:
        """Yield a Finish if a limit has passed, or a progress message if it is due."""
        limits = self._limits
        is_quota = creation.is_quota and now >= creation.since
        waits = job is not None and lacks_nodes(job, pods.count, is_quota=is_quota)
        self._waiting = _since(self._waiting, now - self._waited.for_nodes, is_active=waits)
        stuck = pods.stuck() if job is not None and not job.is_ending else []
        since = [record.since for record in stuck]
        if creation.blocked is not None and not creation.is_quota:
            since.append(creation.since)
        self._stuck = min(since) - self._waited.to_start if since else None
        self._alarms = []
        if self._has_expired(self._start, limits.timeout, now):
            yield _timeout(f"Job {self._job} is not finished: --timeout has expired")
        elif self._has_expired(self._waiting, limits.schedule, now):
            because = creation.blocked.message if creation.blocked else pods.waiting_message()
            what = _describe_missing_nodes(job, creation, has_pods=pods.count(LIVE) > 0)
            expired = f"Job {self._job} {what}: --schedule-timeout has expired"
            is_suspended = job is not None and job.state == "Suspended"
            yield _timeout(expired + (f": {because}" if because else ""), unscheduled=not is_suspended)
        elif self._has_expired(self._stuck, limits.start, now):
            longest = min(stuck, key=lambda record: record.since, default=None)
            if longest is not None:
                why = f"{longest.pod.title} {longest.pod.message}"
            else:
                why = "its Pods cannot be created" + (f": {creation.blocked.message}" if creation.blocked else "")
            reason = f"Job {self._job} will never start: for {limits.start:g} s {why}"
            yield Finish(exit_codes.CONFIG, reason, explain=True, never_starts=True)
        elif now >= self._logged_at + limits.heartbeat:
            yield Message(self.progress(pods, now))

    def progress(self, pods: PodsSeen, now: float) -> str:
        """Return how long the wait has lasted, and the phases of the Pods."""
        counts = [f"{number} {phase.value}" for phase in SHOWN if (number := pods.count([phase]))]
        return f"Job {self._job} is not finished after {now - self._start:.0f} s; Pods: {', '.join(counts) or 'none'}"

    def _has_expired(self, since: float | None, limit: float | None, now: float) -> bool:
        if since is None or limit is None:
            return False
        self._alarms.append(since + limit)
        return now >= since + limit


def lacks_nodes(job: Job, count: Callable[[Iterable[Phase]], int], *, is_quota: bool) -> bool:
    """Whether the Job waits for nodes: none of its Pods, or not all Pods of a gang, have a node.

    count: returns how many Pods are in one of these phases; is_quota: whether a quota prevents the creation of Pods
    """
    if job.is_ending:
        return False
    if count(PLACED) >= (max(1, job.wanted) if job.gang else 1):
        return False
    return job.state == "Suspended" or is_quota or count([Phase.WAITING]) > 0 or not count(ENDED)


def _describe_missing_nodes(job: Job | None, creation: Creation, *, has_pods: bool) -> str:
    if job is not None and job.state == "Suspended":
        return "is suspended"
    if creation.is_quota:
        return f"has {'too few' if has_pods else 'no'} Pods, because a quota prevents their creation"
    return "lacks nodes for some of its Pods" if job and job.gang else "has no node"


def _since(before: float | None, start: float, *, is_active: bool) -> float | None:
    if not is_active:
        return None
    return start if before is None else before


def _timeout(reason: str, *, unscheduled: bool = False) -> Finish:
    return Finish(exit_codes.TIMEOUT, reason, explain=True, unscheduled=unscheduled)
