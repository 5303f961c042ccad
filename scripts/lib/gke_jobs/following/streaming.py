"""The requests of the follower to the cluster: each list, watch and log in its own thread, all answers in one queue."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from gke_jobs import kueue
from gke_jobs.connection import ANSWER_SECONDS, Connection, jobs_path, log_path, pods_path
from gke_jobs.errors import Answer, ApiError, from_status
from gke_jobs.event_pages import read_events
from gke_jobs.event_times import is_in_future
from gke_jobs.following.events import (
    Changed,
    Event,
    EventsRead,
    Kind,
    Listed,
    LogEnded,
    LogId,
    LogPiece,
    Opened,
    Tick,
    WatchEnded,
    WorkloadRead,
    WorkloadsRead,
)
from gke_jobs.json_access import at, dict_at, list_at, text_at
from gke_jobs.unix_http import Stream

WATCH_SECONDS = 70  # after which the server ends a watch: two watches then need less than two requests a minute
SILENT_SECONDS = 5.0  # on top of that; then the watch counts as dropped on the way
LOG_SECONDS = 600.0  # without a line, after which a log is requested anew
QUEUED = 64  # pieces; a thread that reads faster than the follower prints has to wait
Token = tuple[object, int]
Query = dict[str, str]


class Streaming:
    """The requests of one follower. selectors: the query that selects the watched objects, for the uid of a Job."""

    def __init__(self, connection: Connection, namespace: str, selectors: Callable[[Kind, str], Query]) -> None:
        self._connection, self._namespace, self._selectors = connection, namespace, selectors
        self._events: queue.Queue[tuple[Token, Event | Exception]] = queue.Queue(QUEUED)
        self._current: dict[object, int] = {}  # the newest request of each kind and log; others are ignored
        self._streams: dict[Token, Stream] = {}
        self._lock = threading.Lock()

    def next(self, seconds: float | None) -> Event:
        """Return the next event, a Tick if none comes for so many seconds. Raise the exception of a failed request."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                token, event = self._events.get(timeout=left)
            except queue.Empty:
                return Tick()
            if isinstance(event, Exception):
                raise event
            if self._current.get(token[0]) == token[1]:
                return event

    def list(self, kind: Kind, uid: str) -> None:
        """Request a list; Listed or WatchEnded follows."""
        self._start(kind, lambda token: self._list(token, kind, uid))

    def watch(self, kind: Kind, uid: str, version: str) -> None:
        """Watch; Opened, Changed and one WatchEnded follow."""
        self._start(kind, lambda token: self._watch(token, kind, uid, version))

    def read_events(self, uid: str) -> None:
        """Request the Kubernetes Events of an object; EventsRead follows."""
        self._start(("events of", uid), lambda token: self._read_events(token, uid))

    def read_workload(self, uid: str, queue: str) -> None:
        """Request the state of a Job in Kueue; WorkloadRead follows."""
        self._start(("workload of", uid), lambda token: self._read_workload(token, uid, queue))

    def read_workloads(self, uids: Sequence[str]) -> None:
        """Request the Workloads of these Jobs; WorkloadsRead follows."""
        self._start("workloads", lambda token: self._read_workloads(token, uids))

    def read_log(self, log: LogId, since: str, *, follows: bool = True) -> None:
        """Read a log as it is written, or its present content; Opened, LogPiece and one LogEnded follow."""
        query = {"container": log.container, "timestamps": "true"}
        query |= {"follow": "true"} if follows else {}
        query |= {"sinceTime": since} if since else {}
        self._start((log.pod, log.container), lambda token: self._read_log(token, log, query))

    def stop_log(self, log: LogId) -> None:
        """Stop reading a log; no more events of it follow."""
        self._stop((log.pod, log.container))

    def _start(self, what: object, target: Callable[[Token], None]) -> None:
        self._stop(what)
        token = what, self._current[what]
        threading.Thread(target=self._run, args=(target, token), daemon=True).start()

    def _run(self, target: Callable[[Token], None], token: Token) -> None:
        try:
            target(token)
        except Exception as error:  # a defect: the follower must end without a verdict, not wait forever
            self._events.put((token, error))

    def _stop(self, what: object) -> None:
        with self._lock:
            number = self._current.get(what, 0)
            self._current[what] = number + 1
            stream = self._streams.pop((what, number), None)
        if stream:
            stream.close()

    def _open(self, token: Token, path: str, query: Query, idle: float) -> Stream:
        stream = self._connection.open(path, query, idle)
        with self._lock:
            is_stopped = self._current.get(token[0]) != token[1]
            if not is_stopped:
                self._streams[token] = stream
        if is_stopped:
            stream.close()
        return stream

    def _query(self, kind: Kind, uid: str) -> tuple[str, Query]:
        path = jobs_path if kind is Kind.JOB else pods_path
        return path(self._namespace), self._selectors(kind, uid)

    def _list(self, token: Token, kind: Kind, uid: str) -> None:
        path, query = self._query(kind, uid)
        try:
            found = self._connection.get_json(path, query)
        except ApiError as error:
            self._events.put((token, WatchEnded(kind, error.answer)))
            return
        version = text_at(found, "metadata", "resourceVersion")
        if not version:
            self._events.put(
                (token, WatchEnded(kind, Answer(code=None, reason="", message="the response is not a list")))
            )
            return
        self._events.put((token, Listed(kind, list_at(found, "items"), version)))

    def _watch(self, token: Token, kind: Kind, uid: str, version: str) -> None:
        path, query = self._query(kind, uid)
        query |= {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        query["timeoutSeconds"] = str(WATCH_SECONDS)
        answer: Answer | None = None
        try:
            stream = self._open(token, path, query, WATCH_SECONDS + SILENT_SECONDS)
            self._events.put((token, Opened(kind)))
            for line in stream.lines():
                found = json.loads(line)
                if at(found, "type") == "ERROR":
                    answer = from_status(dict_at(found, "object"))
                    break
                self._events.put((token, Changed(kind, text_at(found, "type"), dict_at(found, "object"))))
        except ApiError as error:
            answer = error.answer
        except (ValueError, RecursionError):
            answer = Answer(code=None, reason="", message="the watch is not JSON")
        self._events.put((token, WatchEnded(kind, answer)))

    def _read_events(self, token: Token, uid: str) -> None:
        try:
            found, _ = read_events(self._connection, self._namespace, f"involvedObject.uid={uid}", ANSWER_SECONDS)
        except ApiError:
            self._events.put((token, EventsRead(uid, None)))
            return
        now = datetime.now(timezone.utc)
        self._events.put((token, EventsRead(uid, [event for event in found if not is_in_future(event, now)])))

    def _read_workload(self, token: Token, uid: str, queue: str) -> None:
        try:
            queued = kueue.read(self._connection, self._namespace, uid, queue, ANSWER_SECONDS)
        except ApiError:
            queued = None
        self._events.put((token, WorkloadRead(queued)))

    def _read_workloads(self, token: Token, uids: Sequence[str]) -> None:
        try:
            found = kueue.read_all(self._connection, self._namespace, uids, ANSWER_SECONDS)
        except ApiError:
            self._events.put((token, WorkloadsRead(None)))
            return
        self._events.put((token, WorkloadsRead(found or {}, is_served=found is not None)))

    def _read_log(self, token: Token, log: LogId, query: Query) -> None:
        answer: Answer | None = None
        try:
            stream = self._open(token, log_path(self._namespace, log.pod), query, LOG_SECONDS)
            self._events.put((token, Opened(log)))
            for piece in stream.pieces():
                self._events.put((token, LogPiece(log, piece)))
        except ApiError as error:
            answer = error.answer
        self._events.put((token, LogEnded(log, answer)))
