"""Reads the data for the diagnosis of a Job: in parallel, with a time limit for each step, without exceptions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gke_jobs import kueue
from gke_jobs.connection import Connection, jobs_path, log_path, pods_path
from gke_jobs.diagnosis.diagnosis import GROUPS, LOG_LINES, missing_pods, pod_groups
from gke_jobs.diagnosis.pod_facts import logs_to_read
from gke_jobs.diagnosis.seen import Seen
from gke_jobs.errors import ApiError, Verdict, classify
from gke_jobs.event_pages import read_events
from gke_jobs.json_access import Json, is_owned_by, list_at, text_at
from gke_jobs.labels import CONTROLLER_UID
from gke_jobs.plain_text import one_line

STEP_SECONDS = 10.0
PAGE = 500
MOST_PODS = 5000
LOG_BYTES = 1 << 20
MOST_GONE = 5  # removed Pods whose events are read
# Events that every Pod has and that explain nothing.
EVENTS_THAT_EXPLAIN = "reason!=Scheduled,reason!=Pulling,reason!=Pulled,reason!=Created,reason!=Started"
NO_ANSWER = f"no answer within {STEP_SECONDS:g} s"


@dataclass(kw_only=True)
class Read:
    """One read and its outcome: a value, None for a missing object, or why it could not be read."""

    call: Callable[[], Any]
    value: Any = None
    unread: str = NO_ANSWER
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Do the read."""
        try:
            self.value, self.unread = self.call(), ""
        except ApiError as error:
            meaning = classify(error.answer)
            self.unread = "" if meaning.verdict is Verdict.ABSENT else one_line(meaning.message) or "no answer"
        except Exception as error:  # a defect in a diagnosis must not prevent the verdict
            self.unread = one_line(f"{type(error).__name__}: {error}")
        self.done.set()


def read(
    connection: Connection,
    namespace: str,
    name: str,
    uid: str,
    now: datetime,
    *,
    shown_logs: Set[tuple[str, str]] = frozenset(),
) -> Seen:
    """Return all that can be read about the Job with this uid; logs in `shown_logs` are not read."""
    reader = _Reader(connection, namespace)
    job = Read(call=lambda: connection.get_json(jobs_path(namespace, name), seconds=STEP_SECONDS))
    pods = Read(call=lambda: reader.pods(uid))
    events = Read(call=lambda: reader.events(f"involvedObject.uid={uid}"))
    read_at_once(job, pods, events)
    found = job.value if text_at(job.value, "metadata", "uid") == uid else {}  # else another Job of that name
    found_pods, more_pods = pods.value or ([], False)
    found_events, more_events = events.value or ([], "")
    whys = {"job": job.unread, "pods": pods.unread, "events": events.unread or more_events}
    seen = Seen(
        name=name,
        uid=uid,
        job=None if job.unread else found,
        pods=None if pods.unread else found_pods,
        events=found_events,
        more_pods=more_pods,
        unread={what: why for what, why in whys.items() if why},
        shown_logs=shown_logs,
        now=now,
    )
    return reader.with_details(seen)


def read_at_once(*reads: Read) -> None:
    """Do all reads in parallel and give up those that take too long; their threads end with the process."""
    for one in reads:
        threading.Thread(target=one.run, daemon=True).start()
    deadline = time.monotonic() + STEP_SECONDS
    for one in reads:
        one.done.wait(max(0.0, deadline - time.monotonic()))


@dataclass(frozen=True)
class _Reader:
    connection: Connection
    namespace: str

    def pods(self, uid: str) -> tuple[list[Json], bool]:
        """Return the Pods of the Job with this uid, and whether there are more."""
        query = {"labelSelector": f"{CONTROLLER_UID}={uid}", "limit": str(PAGE)}
        deadline, found = time.monotonic() + STEP_SECONDS / 2, list[Json]()
        while True:
            answer = self.connection.get_json(pods_path(self.namespace), query, STEP_SECONDS)
            found += [pod for pod in list_at(answer, "items") if is_owned_by(pod, uid)]
            query["continue"] = text_at(answer, "metadata", "continue")
            if not query["continue"]:
                return found, False
            if len(found) >= MOST_PODS or time.monotonic() > deadline:
                return found, True

    def events(self, field: str) -> tuple[list[Json], str]:
        """Return the relevant events about one object, and why some are missing."""
        selector = f"{field},{EVENTS_THAT_EXPLAIN}"
        found, more = read_events(self.connection, self.namespace, selector, STEP_SECONDS)
        return found, f"one object has more than {len(found)}" if more else ""

    def log(self, pod: str, container: str, *, previous: bool) -> bytes:
        query = {"container": container, "tailLines": str(LOG_LINES), "limitBytes": str(LOG_BYTES)}
        if previous:
            query["previous"] = "true"
        return self.connection.get_bytes(log_path(self.namespace, pod), query, STEP_SECONDS)

    def with_details(self, seen: Seen) -> Seen:
        """Add the events and logs of the Pods that are shown, and the events of removed Pods."""
        events, logs = [], {}
        for group in pod_groups(seen.pods or [])[:GROUPS]:
            pod, uid = text_at(group[0], "metadata", "name"), text_at(group[0], "metadata", "uid")
            events.append(self._events_of("uid", uid))
            for container, previous in logs_to_read(group[0]):
                if pod and (pod, container) not in seen.shown_logs:
                    logs[pod, container] = self.log_of(pod, container, previous=previous)
        events += [self._events_of("name", pod) for pod in missing_pods(seen)[:MOST_GONE]]
        queue = self._queue_of(seen)
        read_at_once(*queue, *events, *logs.values())
        found: list[tuple[list[Json], str]] = [one.value or ([], one.unread) for one in events]
        whys = [*(("events", why) for _, why in found), *(("queue", one.unread) for one in queue)]
        return replace(
            seen,
            queued=next((one.value for one in queue), None),
            events=[*seen.events, *(event for some, _ in found for event in some)],
            logs={key: one.value for key, one in logs.items() if one.value is not None},
            unread={what: why for what, why in reversed(whys) if why} | seen.unread,
            unread_logs={
                key: one.unread or "the Pod no longer exists" for key, one in logs.items() if one.value is None
            },
        )

    def _queue_of(self, seen: Seen) -> list[Read]:
        if queue := kueue.queue_of(seen.job):
            return [Read(call=lambda: kueue.read(self.connection, self.namespace, seen.uid, queue, STEP_SECONDS))]
        return []

    def _events_of(self, field: str, value: str) -> Read:
        return Read(call=lambda: self.events(f"involvedObject.{field}={value}"))

    def log_of(self, pod: str, container: str, *, previous: bool) -> Read:
        return Read(call=lambda: self.log(pod, container, previous=previous))


def read_logs(connection: Connection, namespace: str, logs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """Return the ends of the logs that can be read, by Pod and container."""
    reader = _Reader(connection, namespace)
    reads = {(pod, container): reader.log_of(pod, container, previous=False) for pod, container in logs}
    read_at_once(*reads.values())
    return {key: one.value for key, one in reads.items() if one.value is not None}
