"""The follower of one Job, without I/O: it processes events of the cluster and returns actions.

follower.py does the I/O: it executes the actions, and calls `handle` for each event, and with a Tick at the time that
`deadline` returns.
"""

from __future__ import annotations

from collections.abc import Iterator

from gke_jobs import exit_codes
from gke_jobs.following.check_state import CheckState
from gke_jobs.following.checks import Check
from gke_jobs.following.clocks import Clocks
from gke_jobs.following.creation import Creation
from gke_jobs.following.ending import Ending
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
    WorkloadRead,
)
from gke_jobs.following.jobs import Job, change_messages, read_job, removal_outcome, unfinished_message
from gke_jobs.following.log_streams import LogStreams
from gke_jobs.following.mounts import Mounts
from gke_jobs.following.pods_seen import PodsSeen
from gke_jobs.following.queueing import Queueing
from gke_jobs.following.reconnecting import Reconnecting
from gke_jobs.following.settings import Settings
from gke_jobs.following.succeeding import Succeeding
from gke_jobs.json_access import Json, is_owned_by, text_at
from gke_jobs.messages import not_found
from gke_jobs.plain_text import one_line


class Follower:
    """The state of a wait, or of a check (checks.py). Call `handle` first with a Tick.

    before: the state that the last check has left; None for a wait
    """

    def __init__(self, settings: Settings, now: float, before: CheckState | None = None) -> None:
        self._settings = settings
        self._uid = settings.uid
        self._job: Job | None = None
        self.job_json: Json = {}  # the API object of the Job, as last read
        self._watches = Reconnecting(f"Job {settings.job}", settings.unreachable)
        printed, shown = None if before is None else before.logs, settings.shown_logs
        self.logs = LogStreams(job=settings.job, most=settings.max_log_streams, shown=shown, before=printed)
        self.pods = PodsSeen(settings, before or CheckState())
        self.logs.bytes = before.log_bytes if before is not None else 0
        self._clocks = Clocks(settings.job, settings.limits, now, settings.waited)
        self._creation = Creation(settings.job, at_once=before is not None)
        self._mounts = Mounts(once=settings.is_poll or before is not None)
        self._queueing = Queueing()
        self._check: Check | None = None
        if before is not None:
            self._check = Check(settings.job, now, self._clocks, self.pods, self._creation, self._mounts)
        self._has_started = self._is_finished = False
        self._watches_pods = self._are_pods_listed = False
        self._succeeding = Succeeding(settings.job)
        self._ending = Ending(logs=self.logs, pods=self.pods, watches=self._watches)

    def handle(self, event: Event, now: float) -> list[Action]:
        """Process an event; return the actions. Finish is always the last one."""
        actions: list[Action] = []
        if self._is_finished:
            return actions
        for action in self._handle(event, now):
            actions.append(action)
            if isinstance(action, Message):
                self._clocks.logged(now)
            elif isinstance(action, Finish):
                self._is_finished = True
                break
        if self._is_finished:  # drop requests to the cluster
            actions = [action for action in actions if isinstance(action, Message | Lines | StopLog | Finish)]
        return actions

    def deadline(self) -> float | None:
        """Return when `handle` must be called with a Tick if there is no event before."""
        times = [self.logs.next_time()]
        if self._ending.has_begun:
            times.append(self._ending.next_time())
        elif self._check is not None:
            times += [self._watches.next_time(), self._check.times_out_at()]
        else:
            times += [self._watches.next_time(), self._clocks.next_time(), self.pods.next_time()]
            times += [self._creation.read_at, self._mounts.read_at, self._queueing.read_at]
            times += [self._succeeding.next_time()]
        return min((time for time in times if time is not None), default=None)

    @property
    def uid(self) -> str:
        """The uid of the Job, '' if it is not known yet."""
        return self._uid

    @property
    def job(self) -> Job | None:
        """The Job as last read; None before the first read."""
        return self._job

    def check_state(self) -> CheckState | None:
        """Return the state for the next check; None if the Pods are not known."""
        if not self._are_pods_listed:
            return None
        logs, results = self.logs.positions(), self.pods.results()
        return CheckState.of_runs(self.pods.runs, logs=logs, results=results, log_bytes=self.logs.bytes)

    def _handle(self, event: Event, now: float) -> Iterator[Action]:
        if not self._has_started:
            yield from self._begin(now)
        if isinstance(event, LogPiece):
            yield from self.logs.piece(event, now)
        elif isinstance(event, LogEnded):
            yield from self.logs.ended(event, now)
        elif isinstance(event, Opened):
            if isinstance(event.what, Kind):
                yield from self._watches.opened(event.what, now)
            else:
                self.logs.opened(event.what, now)
        elif isinstance(event, WatchEnded):
            if not self._ending.has_begun:
                yield from self._watches.ended(event.kind, event.answer, now)
            elif event.kind is Kind.PODS:
                self._ending.relisted()
        elif isinstance(event, Listed):
            yield from self._listed(event, now)
        elif isinstance(event, Changed):
            yield from self._changed(event, now)
        elif isinstance(event, EventsRead) and not self._ending.has_begun:
            yield from self._events_read(event, now)
        elif isinstance(event, WorkloadRead) and not self._ending.has_begun:
            yield from self._queueing.read(event, self._job)
        yield from self._advance(now)

    def _begin(self, now: float) -> Iterator[Action]:
        self._has_started = True
        yield self._watches.begin(Kind.JOB, now)
        if self._uid:
            yield from self._begin_watching_pods(now)

    def _begin_watching_pods(self, now: float) -> Iterator[Action]:
        if not self._watches_pods and (not self._settings.is_poll or self._settings.limits.start):
            self._watches_pods = True
            yield self._watches.begin(Kind.PODS, now)

    def _advance(self, now: float) -> Iterator[Action]:
        """Yield the actions that the time and the new state require."""
        if self._ending.has_begun:
            yield from self._ending.act(now)
            return
        yield from self._watches.act(now)
        if self._check is not None:
            yield from self._act_on_check(self._check, now)
            return
        yield from self.logs.act(now)
        if self._job is None:
            yield from self._clocks.check(None, self.pods, self._creation, now)
            return
        if uid := self._mounts.next_pod_to_read(self._job, self.pods, now):
            yield ReadEvents(uid)
        if self._settings.is_poll and self._is_check_complete():
            yield Finish(exit_codes.NOT_FINISHED, unfinished_message(self._settings.job, self._job), explain=False)
            return
        yield from self.pods.overdue(now)
        if self._creation.needs_events(self._job, self.pods, now):
            yield ReadEvents(self._uid)
        yield from self._queueing.act(self._job, now)
        yield from self._succeeding.act(now)
        if self._succeeding.has_begun and (self._succeeding.is_over(now) or self._clocks.is_out_of_time(now)):
            yield from self._begin_end(0, f"Job {self._settings.job} has met its success criteria", now)
            yield from self._ending.act(now)
            return
        yield from self._clocks.check(self._job, self.pods, self._creation, now)

    def _act_on_check(self, check: Check, now: float) -> Iterator[Action]:
        """Begin the end of a check once all data for the verdict has been read; the logs are read at the end."""
        if self._job is not None:
            yield from check.event_requests(self._job, now)
        verdict = check.verdict(self._job, now)
        if verdict is not None:
            yield from check.messages if verdict.status != exit_codes.NOT_FINISHED else ()
            yield from self._ending.begin(verdict, None, now)
            yield from self._ending.act(now)

    def _is_check_complete(self) -> bool:
        is_stuck = self.pods.stuck() or self._mounts.awaits_events or self._creation.blocked
        return not self._settings.limits.start or (self._are_pods_listed and not is_stuck)

    def _events_read(self, event: EventsRead, now: float) -> Iterator[Action]:
        if event.uid == self._uid:
            yield from self._creation.read(event.items, self._job, self.pods, now)
        else:
            yield from self._mounts.read(event.uid, event.items, self.pods, now)

    def _listed(self, event: Listed, now: float) -> Iterator[Action]:
        if self._check is not None and not self._ending.has_begun:
            yield from self._watches.answered(event.kind, now)
            if lists := self._check.store_list(event):
                self._check.messages += self._take_list(lists[Kind.PODS], now)
                yield from self._take_list(lists[Kind.JOB], now)
                yield from self._wait_for_success(self._check, now)
            return
        yield from self._take_list(event, now)
        if not self._ending.has_begun:
            yield from self._watches.listed(event.kind, event.version, now)

    def _wait_for_success(self, check: Check, now: float) -> Iterator[Action]:
        """Turn a check into a wait if the Job has met its success criteria, because it will be complete soon."""
        if self._succeeding.has_begun and not self._ending.has_begun:
            self._check = None
            yield from check.messages
            for listed in check.lists.values():
                yield from self._watches.listed(listed.kind, listed.version, now)

    def _take_list(self, event: Listed, now: float) -> Iterator[Action]:
        if event.kind is Kind.PODS:
            self._are_pods_listed = True
            self._ending.relisted()
            yield from self.pods.replace([pod for pod in event.items if is_owned_by(pod, self._uid)], now)
            self._request_logs(now)
        else:
            found = next((job for job in event.items if text_at(job, "metadata", "name") == self._settings.job), None)
            yield from self._job_changed(found, now)

    def _changed(self, event: Changed, now: float) -> Iterator[Action]:
        self._watches.seen(event.kind, text_at(event.item, "metadata", "resourceVersion"), now)
        if event.change not in ("ADDED", "MODIFIED", "DELETED"):
            return
        is_deleted = event.change == "DELETED"
        if event.kind is Kind.PODS:
            if is_owned_by(event.item, self._uid):
                yield from self.pods.change(event.item, is_deleted=is_deleted, now=now)
                self._request_logs(now)
        elif text_at(event.item, "metadata", "name") == self._settings.job:
            yield from self._job_changed(event.item, now, is_deleted=is_deleted)

    def _request_logs(self, now: float) -> None:
        for pod in self.pods.all():
            self.logs.add_pod(pod, now)

    def _job_changed(self, found: Json, now: float, *, is_deleted: bool = False) -> Iterator[Action]:
        if self._ending.has_begun:
            return
        job = read_job(found) if found is not None else None
        name = self._settings.job
        if job is not None and not job.uid:
            return  # not from the API server, which always sets a uid
        if job is None and not self._uid:
            yield Finish(exit_codes.CONFIG, not_found(name, self._settings.namespace), explain=False)
            return
        if job is None or (self._uid and job.uid != self._uid):
            yield from self._end_without_job(now)
            return
        self._uid, before, self._job, self.job_json = job.uid, self._job, job, found
        yield from self._begin_watching_pods(now)
        if job.state == "Complete":
            yield from self._begin_end(0, f"Job {name} is complete", now)
        elif job.state == "Failed":
            yield from self._begin_end(exit_codes.JOB_FAILED, f"Job {name} failed: {job.reason}", now)
        else:
            if job.state == "SuccessCriteriaMet":
                self._succeeding.begin(now)
            if is_deleted:
                yield from self._end_removed(f"Job {name}", "is deleted", "was deleted before it was finished", now)
            elif not self._settings.is_poll and self._check is None:
                yield from change_messages(name, before, job)

    def _end_without_job(self, now: float) -> Iterator[Action]:
        """Begin the end after the Job was removed without an event."""
        name = f"Job {self._settings.job}" + (f" with uid {one_line(self._uid)}" if self._settings.uid else "")
        unknown = "no longer exists: it was deleted, or its TTL removed it; whether it succeeded is not known"
        yield from self._end_removed(name, "no longer exists", unknown, now)

    def _end_removed(self, name: str, how: str, unfinished: str, now: float) -> Iterator[Action]:
        status, words = removal_outcome(self._job, how, unfinished, is_succeeding=self._succeeding.has_begun)
        yield from self._begin_end(status, f"{name} {words}", now, removed=True)

    def _begin_end(self, status: int, reason: str, now: float, *, removed: bool = False) -> Iterator[Action]:
        """Begin the end: read the rest of the logs, then finish with the verdict."""
        explain = status != 0 and not removed and not self._settings.is_poll
        verdict = Finish(status, reason, explain=explain, removed=removed)
        if self._settings.is_poll:
            yield verdict
            return
        yield from self._check.messages if self._check is not None else ()
        yield from self._ending.begin(verdict, self._job if self._watches_pods else None, now)
