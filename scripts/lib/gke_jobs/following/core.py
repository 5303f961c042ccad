"""The follower of one Job, without I/O: events of the cluster go in, actions come out.

The shell around it (follower.py) carries out the actions and calls `handle` for each event, and with a Tick at the time
that `deadline` returns.
"""

from __future__ import annotations

from collections.abc import Iterator

from gke_jobs import exit_codes
from gke_jobs.following.clocks import Clocks
from gke_jobs.following.creation import Creation
from gke_jobs.following.events import (
    Action,
    Changed,
    Event,
    EventsRead,
    Finish,
    Kind,
    Lines,
    Listed,
    LogEnded,
    LogPiece,
    Message,
    Opened,
    ReadEvents,
    StopLog,
    WatchEnded,
    warning,
)
from gke_jobs.following.jobs import Job, news, read_job
from gke_jobs.following.log_streams import LogStreams
from gke_jobs.following.mounts import Mounts
from gke_jobs.following.pods_seen import PodsSeen
from gke_jobs.following.reconnecting import Reconnecting
from gke_jobs.following.settings import Settings
from gke_jobs.json_access import Json, is_owned_by, text_at
from gke_jobs.messages import not_found
from gke_jobs.plain_text import one_line

ENDING_SECONDS = 2.0  # after SuccessCriteriaMet, until it is logged that the Job waits for its Pods
LOST_SECONDS = 30.0  # after SuccessCriteriaMet, for a Pod that does not end because its node is lost
RELIST_SECONDS = 2.0  # for a last list of the Pods, when the Job has ended


class Follower:
    """The state of one wait. `handle` is to be called with a Tick first."""

    def __init__(self, settings: Settings, now: float) -> None:
        self._settings = settings
        self._uid = settings.uid
        self._job: Job | None = None
        self.job_json: Json = {}  # as it was seen last
        self._watches = Reconnecting(f"Job {settings.job}", settings.unreachable)
        self._logs = LogStreams(
            job=settings.job, most=settings.max_log_streams, shown="none" if settings.once else settings.logs
        )
        self.pods = PodsSeen(quiet=settings.once, start_seconds=settings.limits.start)
        self._clocks = Clocks(settings.job, settings.limits, now)
        self._creation = Creation()
        self._mounts = Mounts(once=settings.once)
        self._begun = self._over = False
        self._pods_begun = self._pods_listed = False
        self._succeeding: float | None = None  # since when SuccessCriteriaMet
        self._said_ending = False
        self._verdict: Finish | None = None  # what comes when the logs are read
        self._relisting: float | None = None  # until when the last list of the Pods is waited for

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take an event; return what is to be done. After a Finish nothing is."""
        actions: list[Action] = []
        if self._over:
            return actions
        for action in self._handle(event, now):
            actions.append(action)
            if isinstance(action, Message):
                self._clocks.logged(now)
            elif isinstance(action, Finish):
                self._over = True
                break
        if self._over:  # nothing is asked for any more
            actions = [action for action in actions if isinstance(action, Message | Lines | StopLog | Finish)]
        return actions

    def deadline(self) -> float | None:
        """When `handle` is to be called with a Tick, if nothing happens before."""
        times = [self._logs.next_time()]
        if self._verdict is None:
            times += [self._watches.next_time(), self._clocks.next_time(), self.pods.next_time()]
            times += [self._creation.ask_at, self._mounts.ask_at]
            if self._succeeding is not None:
                seconds = LOST_SECONDS if self._said_ending else ENDING_SECONDS
                times.append(self._succeeding + seconds)
        else:
            times.append(self._relisting)
        return min((time for time in times if time is not None), default=None)

    @property
    def uid(self) -> str:
        """The uid of the Job, '' as long as it is not known."""
        return self._uid

    @property
    def job(self) -> Job | None:
        """The Job as it was seen last."""
        return self._job

    def shown_logs(self) -> set[tuple[str, str]]:
        """Return (Pod, container) of the logs that were printed."""
        return self._logs.shown_logs()

    def _handle(self, event: Event, now: float) -> Iterator[Action]:
        if not self._begun:
            yield from self._begin(now)
        if isinstance(event, LogPiece):
            yield from self._logs.piece(event, now)
        elif isinstance(event, LogEnded):
            yield from self._logs.ended(event, now)
        elif isinstance(event, Opened):
            if isinstance(event.what, Kind):
                yield from self._watches.opened(event.what, now)
            else:
                self._logs.opened(event.what, now)
        elif isinstance(event, WatchEnded):
            if self._verdict is None:
                yield from self._watches.ended(event.kind, event.answer, now)
            elif event.kind is Kind.PODS:
                self._relisting = None
        elif isinstance(event, Listed):
            yield from self._listed(event, now)
        elif isinstance(event, Changed):
            yield from self._changed(event, now)
        elif isinstance(event, EventsRead):
            yield from self._events_read(event, now)
        yield from self._advance(now)

    def _begin(self, now: float) -> Iterator[Action]:
        self._begun = True
        yield self._watches.begin(Kind.JOB, now)
        if self._uid:
            yield from self._begin_pods(now)

    def _begin_pods(self, now: float) -> Iterator[Action]:
        if not self._pods_begun and (not self._settings.once or self._settings.limits.start):
            self._pods_begun = True
            yield self._watches.begin(Kind.PODS, now)

    def _advance(self, now: float) -> Iterator[Action]:
        """Do what is due, whatever the event was."""
        if self._verdict is not None:
            yield from self._drain(now)
            return
        yield from self._watches.act(now)
        yield from self._logs.act(now)
        if self._job is None:
            yield from self._clocks.check(None, self.pods, self._creation, now)
            return
        if uid := self._mounts.pod_to_ask(self._job, self.pods, now):
            yield ReadEvents(uid)
        if self._settings.once and self._has_looked():
            state = "suspended" if self._job.state == "Suspended" else "not finished"
            counts = f"{self._job.active} active, {self._job.succeeded} succeeded, {self._job.failed} failed"
            reason = f"Job {self._settings.job} is {state}; Pods: {counts}"
            yield Finish(exit_codes.NOT_FINISHED, reason, explain=False)
            return
        yield from self.pods.overdue(now)
        if self._creation.is_to_ask(self._job, self.pods, now):
            yield ReadEvents(self._uid)
        if self._succeeding is not None:
            yield from self._await_pods(self._succeeding, now)
            if self._verdict is not None:
                yield from self._drain(now)
                return
        yield from self._clocks.check(self._job, self.pods, self._creation, now)

    def _await_pods(self, since: float, now: float) -> Iterator[Action]:
        """Wait for the Pods of a Job that has met its success criteria, but not for long."""
        name = f"Job {self._settings.job}"
        if now >= since + LOST_SECONDS:
            yield warning(f"a Pod of {name} has not ended; its node may be lost")
        elif not self._said_ending and now >= since + ENDING_SECONDS:
            self._said_ending = True
            yield Message(f"{name} has met its success criteria; its Pods are ending")
        if now >= since + LOST_SECONDS or self._clocks.is_out_of_time(now):
            yield from self._conclude(0, f"{name} has met its success criteria", now)

    def _has_looked(self) -> bool:
        if not self._settings.limits.start:
            return True
        is_stuck = self.pods.stuck() or self._mounts.is_asking or self._creation.blocked
        return self._pods_listed and not is_stuck

    def _events_read(self, event: EventsRead, now: float) -> Iterator[Action]:
        if self._verdict is not None:
            return
        if event.uid == self._uid:
            yield from self._creation.read(event.items, self._job, self.pods, now)
        else:
            yield from self._mounts.read(event.uid, event.items, self.pods, now)

    def _listed(self, event: Listed, now: float) -> Iterator[Action]:
        if event.kind is Kind.PODS:
            self._pods_listed = True
            self._relisting = None
            yield from self.pods.replace([pod for pod in event.items if is_owned_by(pod, self._uid)], now)
            self._take_logs(now)
        else:
            found = next((job for job in event.items if text_at(job, "metadata", "name") == self._settings.job), None)
            yield from self._job_changed(found, now)
        if self._verdict is None:
            yield from self._watches.listed(event.kind, event.version, now)

    def _changed(self, event: Changed, now: float) -> Iterator[Action]:
        self._watches.seen(event.kind, text_at(event.item, "metadata", "resourceVersion"), now)
        if event.change not in ("ADDED", "MODIFIED", "DELETED"):
            return
        is_deleted = event.change == "DELETED"
        if event.kind is Kind.PODS:
            if is_owned_by(event.item, self._uid):
                yield from self.pods.change(event.item, is_deleted=is_deleted, now=now)
                self._take_logs(now)
        elif text_at(event.item, "metadata", "name") == self._settings.job:
            yield from self._job_changed(event.item, now, is_deleted=is_deleted)

    def _take_logs(self, now: float) -> None:
        for pod in self.pods.all():
            self._logs.want(pod, now)

    def _job_changed(self, found: Json, now: float, *, is_deleted: bool = False) -> Iterator[Action]:
        if self._verdict is not None:
            return
        job = read_job(found) if found is not None else None
        name = self._settings.job
        if job is not None and not job.uid:
            return  # nothing that the API server sends
        if job is None and not self._uid:
            yield Finish(exit_codes.CONFIG, not_found(name, self._settings.namespace), explain=False)
            return
        if job is None or (self._uid and job.uid != self._uid):
            yield from self._gone(now)
            return
        self._uid, before, self._job, self.job_json = job.uid, self._job, job, found
        yield from self._begin_pods(now)
        if job.state == "Complete":
            yield from self._conclude(0, f"Job {name} is complete", now)
        elif job.state == "Failed":
            yield from self._conclude(exit_codes.JOB_FAILED, f"Job {name} failed: {job.reason}", now)
        else:
            if job.state == "SuccessCriteriaMet" and self._succeeding is None:
                self._succeeding = now
            if is_deleted:
                yield from self._removed(f"Job {name}", "is deleted", "was deleted before it was finished", now)
            elif not self._settings.once:
                yield from news(name, before, job)

    def _gone(self, now: float) -> Iterator[Action]:
        """The Job is not there any more, and nobody has seen it go."""
        name = f"Job {self._settings.job}" + (f" with uid {one_line(self._uid)}" if self._settings.uid else "")
        unknown = "is gone: it was deleted, or its TTL removed it; whether it succeeded is not known"
        yield from self._removed(name, "is gone", unknown, now)

    def _removed(self, name: str, how: str, unfinished: str, now: float) -> Iterator[Action]:
        """Decide by what was seen last."""
        if self._succeeding is not None:
            yield from self._conclude(0, f"{name} had met its success criteria and {how}", now)
        elif self._job is not None and self._job.state == "FailureTarget":
            reason = f"{name} was failing and {how}: {self._job.reason}"
            yield from self._conclude(exit_codes.JOB_FAILED, reason, now, explain=False)
        else:
            yield from self._conclude(exit_codes.JOB_FAILED, f"{name} {unfinished}", now, explain=False)

    def _conclude(self, status: int, reason: str, now: float, *, explain: bool = True) -> Iterator[Action]:
        """Begin the end: read what is left of the logs, then finish."""
        explain = explain and status != 0 and not self._settings.once
        self._verdict = Finish(status, reason, explain=explain)
        if self._settings.once:
            yield self._verdict
            return
        if self._pods_begun and self.pods.are_behind(self._job):
            self._relisting = now + RELIST_SECONDS
            yield self._watches.begin(Kind.PODS, now)
            return
        yield from self._logs.drain(now)

    def _drain(self, now: float) -> Iterator[Action]:
        if self._relisting is not None and now >= self._relisting:
            self._relisting = None
        if self._relisting is None and not self._logs.is_draining:
            yield from self._logs.drain(now)
        yield from self._logs.act(now)
        yield from self._logs.drained(now)
        if self._verdict is not None and self._logs.is_draining and self._logs.is_drained:
            yield self._verdict
