"""The Pods of a Job: the phase of each, since when, and its result. The record of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gke_jobs.following.check_state import CheckState
from gke_jobs.following.events import Action, Message
from gke_jobs.following.failures import PodFailure, exit_codes, failure_of
from gke_jobs.following.jobs import Job
from gke_jobs.following.phases import Phase
from gke_jobs.following.pod_view import ContainerView, Pod, read_pod, remedy
from gke_jobs.json_access import Json, text_at
from gke_jobs.plain_text import one_line
from gke_jobs.results import PodResult, result_of

if TYPE_CHECKING:
    from gke_jobs.following.settings import Settings

NUMBERS = re.compile(r"[0-9a-f-]{8,}|\d+")  # ids and counts, by which otherwise equal messages differ
SIDE_SECONDS = 5.0  # after the end of the program, until a message that another container still runs
LIVE = (Phase.WAITING, Phase.STARTING, Phase.STUCK, Phase.RUNNING, Phase.RESTARTING, Phase.UNKNOWN)
PLACED = (Phase.STARTING, Phase.STUCK, Phase.RUNNING, Phase.RESTARTING, Phase.UNKNOWN)
PROBLEM_PHASES = (Phase.STUCK, Phase.RESTARTING, Phase.FAILED, Phase.UNKNOWN, Phase.REMOVED)  # logged as warnings


@dataclass
class PodRecord:
    """One Pod and its history.

    read: the Pod by its own status; missing: the missing object of one of its volumes, '' for none
    since: begin of the present phase, monotonic seconds; history: each phase with the time it was seen, monotonic
    seconds
    stamps: the times of the Pod in the API, collected from all its states
    """

    pod: Pod
    read: Pod
    since: float
    missing: str = ""
    history: list[tuple[Phase, float]] = field(default_factory=list)
    stamps: dict[str, str] = field(default_factory=dict)
    logged: set[str] = field(default_factory=set)  # messages in this phase: those that alternate are logged once
    program_ended_at: float | None = None  # the time since which the program has ended and another container has not


class PodsSeen:
    """All Pods of the Job that were seen, by uid, including removed ones.

    before: the state from the earlier checks; runs: the Pods of the timeline
    """

    def __init__(self, settings: Settings, before: CheckState) -> None:
        self._quiet, self._start_seconds = settings.is_poll, settings.limits.start
        self.runs, self._epoch = before.runs(), settings.epoch
        self._records: dict[str, PodRecord] = {}
        self._results = {result.uid: result for result in before.results}
        self._failures: dict[str, PodFailure] = {}

    def all(self) -> list[Pod]:
        """Return the Pods that exist."""
        return [record.pod for record in self._present()]

    def records(self) -> list[PodRecord]:
        """Return the record of each Pod, in the order in which they were seen."""
        return list(self._records.values())

    def results(self) -> list[PodResult]:
        """Return the results of the Pods that succeeded, those of removed Pods first."""
        there = {record.pod.uid for record in self._present()}
        return sorted(self._results.values(), key=lambda result: result.uid in there)

    def exit_codes(self, job: Job | None) -> list[int]:
        """Return the exit codes of the Pods that made the Job fail."""
        reason = job.code if job and job.state in ("Failed", "FailureTarget") else ""
        return exit_codes(self._failures.values(), {str(result.index) for result in self._results.values()}, reason)

    def count(self, phases: Iterable[Phase]) -> int:
        """Return the number of Pods in these phases."""
        wanted = set(phases)
        return sum(record.pod.phase in wanted for record in self._records.values())

    def stuck(self) -> list[PodRecord]:
        """Return the Pods that cannot be started."""
        return [record for record in self._present() if record.pod.phase is Phase.STUCK]

    def waiting_message(self) -> str:
        """Return the scheduler's message about a Pod without a node, '' for none."""
        messages = [
            record.pod.message.partition(": ")[2] for record in self._present() if record.pod.phase is Phase.WAITING
        ]
        return next(filter(None, messages), "")

    def newest(self) -> str:
        """Return when the newest Pod was created, RFC 3339, '' if there is none."""
        return max((record.stamps.get("created", "") for record in self._records.values()), default="")

    def are_behind(self, job: Job | None) -> bool:
        """Whether the Job counts ended Pods whose end was not seen."""
        if job is None:
            return False
        ended = [[phase for phase, _ in record.history] for record in self._records.values()]
        succeeded = sum(Phase.SUCCEEDED in phases for phases in ended)
        return job.succeeded > succeeded or job.failed > sum(Phase.FAILED in phases for phases in ended)

    def replace(self, items: Iterable[Json], now: float) -> Iterator[Action]:
        """Process a complete list: Pods that are not in it have been removed."""
        items = list(items)
        there = {text_at(item, "metadata", "uid") for item in items}
        self.runs.only(there, now + self._epoch)
        for uid, record in self._records.items():
            if uid not in there and record.pod.phase is not Phase.REMOVED:
                yield from self._remove(record, now)
        for item in items:
            yield from self.change(item, is_deleted=False, now=now)

    def change(self, item: Json, *, is_deleted: bool, now: float) -> Iterator[Action]:
        """Process the present state of a Pod, or its last one."""
        pod = read_pod(item)
        self.runs.change(item, is_deleted=is_deleted, now=now + self._epoch)
        if (result := result_of(item)) is not None:
            self._results[pod.uid] = result
        if pod.uid not in self._failures and (failure := failure_of(item)) is not None:
            self._failures[pod.uid] = failure
        record = self._records.get(pod.uid)
        if record is None:
            record = self._records[pod.uid] = PodRecord(pod, pod, now, history=[(pod.phase, now)])
        elif record.pod.phase is Phase.REMOVED:
            return  # a late event
        if record.read.deleted_first and pod.phase is Phase.FAILED:
            pod = replace(pod, message=record.read.message, deleted_first=True)  # see was_deleted_first
        if record.read.phase is Phase.SUCCEEDED and not record.read.disrupted:
            pod = replace(pod, disrupted="")  # it had succeeded before; the times in the API are whole seconds
        record.read = pod
        record.stamps |= pod.stamps
        yield from self._changed(record, now)
        if not self._quiet:
            yield from _log_end(record, now)
        if is_deleted:
            yield from self._remove(record, now)

    def waiting_for_volumes(self) -> list[PodRecord]:
        """Return the Pods that have a node and may wait for their volumes, in the order in which they were seen."""
        return [record for record in self._present() if record.read.waits_for_volumes]

    def set_volume_problem(self, uid: str, message: str, *, is_missing: bool, now: float) -> Iterator[Action]:
        """Process the reason why a Pod does not start, '' for none. is_missing: whether it is a missing object."""
        record = self._records.get(uid)
        if record is None or record.pod.phase is Phase.REMOVED or not record.read.waits_for_volumes:
            return
        record.missing = message if is_missing else ""
        yield from self._changed(record, now)
        if message and not is_missing:
            yield from _log_change(record, f"{record.pod.message}: {message}", key=NUMBERS.sub("", message))

    def _changed(self, record: PodRecord, now: float) -> Iterator[Action]:
        pod = record.read
        if not record.read.waits_for_volumes:
            record.missing = ""
        if record.missing:
            message = f"is unable to start on {pod.node}: {record.missing}"
            pod = replace(pod, phase=Phase.STUCK, message=message, details=remedy(message))
        if record.pod.phase is not pod.phase:
            record.since = now
            record.logged.clear()
            record.history.append((pod.phase, now))
        record.pod = pod
        if pod.phase is Phase.STUCK:
            seconds = self._start_seconds
            limit = f"; times out after {seconds:g} s (--start-timeout)" if seconds else ""
            yield from _log_change(record, pod.message, f"{pod.details}{limit}")
        elif not self._quiet:
            yield from _log_change(record, pod.message)

    def _remove(self, record: PodRecord, now: float) -> Iterator[Action]:
        was_live = record.pod.phase is not Phase.SUCCEEDED
        record.pod = replace(record.pod, phase=Phase.REMOVED, message="is removed", details="")
        record.since, record.program_ended_at = now, None
        record.history.append((Phase.REMOVED, now))
        if was_live and not self._quiet:
            yield from _log_change(record, "is removed")

    def overdue(self, now: float) -> Iterator[Action]:
        """Log which container keeps a Pod running after its program has ended."""
        for record in self._present():
            if record.program_ended_at is not None and now >= record.program_ended_at + SIDE_SECONDS:
                running = ", ".join(one_line(one.name) for one in _others(record.pod))
                record.program_ended_at = None
                if record.pod.phase is Phase.RUNNING and running:
                    message = f"does not terminate, although its program has ended: {running} still runs"
                    yield from _log_change(record, message)

    def next_time(self) -> float | None:
        """Return when `overdue` must be called again."""
        times = [record.program_ended_at for record in self._present() if record.program_ended_at is not None]
        return min(times) + SIDE_SECONDS if times else None

    def _present(self) -> list[PodRecord]:
        return [record for record in self._records.values() if record.pod.phase is not Phase.REMOVED]


def _log_change(record: PodRecord, message: str, details: str = "", *, key: str = "") -> Iterator[Action]:
    """Log a message once in a phase, with details that may differ each time.

    key: identifies equal messages, by default `message`
    """
    key = key or message.replace("ImagePullBackOff", "ErrImagePull")  # the same problem, between two tries
    if key not in record.logged:
        record.logged.add(key)
        is_warning = record.pod.phase in PROBLEM_PHASES or bool(record.pod.disrupted)
        yield Message(f"{record.pod.title} {message}{details}", is_warning)


def _log_end(record: PodRecord, now: float) -> Iterator[Action]:
    pod = record.pod
    if pod.disrupted:
        yield from _log_change(
            record, f"succeeded while it was being terminated ({pod.disrupted}): its result may be incomplete"
        )
    mains = [one for one in pod.containers if one.is_main]
    is_alone = pod.phase is Phase.RUNNING and any(one.exit_code is not None and not one.running for one in mains)
    if not (is_alone and _others(pod)):
        record.program_ended_at = None
    elif record.program_ended_at is None and not any("although" in message for message in record.logged):
        record.program_ended_at = now


def _others(pod: Pod) -> list[ContainerView]:
    """Return the running containers other than the program that the end of the Pod waits for."""
    return [one for one in pod.containers if one.running and one.holds_pod and not one.is_main]
