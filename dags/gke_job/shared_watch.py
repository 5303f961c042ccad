"""Runs one watch-jobs for all deferred tasks of a triggerer whose Jobs are in the same namespace of a cluster."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
from asyncio.subprocess import Process
from typing import Any

from . import processes
from .command import command
from .run_directory import NOT_RETRIED
from .waiting import JobStatus, WatchState

log = logging.getLogger(__name__)

FIRST_RESTART_DELAY, MAX_RESTART_DELAY = 1.0, 30.0  # seconds between the end of watch-jobs and its restart

_watches: dict[tuple[asyncio.AbstractEventLoop, tuple[str, ...], str], SharedWatch] = {}


class Waiter:
    """The wait of one deferred task. The caller must call `leave` at the end."""

    def __init__(self, watch: SharedWatch, uid: str) -> None:
        self._watch, self.uid = watch, uid
        self._joined = time.time()
        self._changed = asyncio.Event()
        self.gone = False

    def watch_state(self) -> WatchState:
        """Returns the state of the watch for the Job."""
        watch, job_status = self._watch, self._watch.job_statuses.get(self.uid)
        is_missing = job_status is None and watch.synced_at is not None
        return WatchState(
            job_status=job_status,
            gone=self.gone,
            missing_since=max(self._joined, watch.synced_at) if is_missing and watch.synced_at is not None else None,
            unreachable_since=watch.unreachable_since,
            last_error=watch.last_error,
            fatal_error=watch.fatal_error,
        )

    async def wait_for_change(self, until: float | None) -> None:
        """Waits until the state of the watch may have changed.

        :param until: when to return in any case, in seconds since the epoch; None for never
        """
        # Not asyncio.wait_for: in Python 3.11 it may lose a cancellation.
        timer = asyncio.get_running_loop().call_later(max(0.0, until - time.time()), self.wake) if until else None
        try:
            await self._changed.wait()
        finally:
            if timer:
                timer.cancel()
        self._changed.clear()

    def wake(self) -> None:
        """Makes `wait_for_change` return."""
        self._changed.set()

    def leave(self) -> None:
        """Stops waiting. The last waiter that leaves ends the process."""
        self._watch.leave(self)


class SharedWatch:
    """The process watch-jobs of a namespace, and the state that it has reported.

    Times are seconds since the epoch.

    job_statuses: the status of each Job of the namespace, by uid
    synced_at: since when all Jobs of the namespace are known; None while they are not
    unreachable_since: since when the cluster does not answer; None while it answers
    last_error: why the cluster does not answer
    fatal_error: why the watch has ended and is not started again
    """

    def __init__(self, cluster: tuple[str, ...], namespace: str) -> None:
        self._key = asyncio.get_running_loop(), cluster, namespace
        self._waiters: dict[str, set[Waiter]] = {}
        self.job_statuses: dict[str, JobStatus] = {}
        self.synced_at: float | None = None
        self.unreachable_since: float | None = time.time()
        self.last_error, self.fatal_error = "", ""
        # In its own context: otherwise its log messages would go to the log of the first task.
        self._task: asyncio.Task[None] = contextvars.Context().run(asyncio.ensure_future, self._run())

    @classmethod
    def join(cls, cluster: list[str], namespace: str, uid: str) -> Waiter:
        """Returns a new waiter for a Job; starts the watch of the namespace if there is none.

        :param cluster: the options that name the cluster to the scripts
        """
        key = asyncio.get_running_loop(), tuple(cluster), namespace
        if key not in _watches:
            _watches[key] = cls(tuple(cluster), namespace)
        watch = _watches[key]
        waiter = Waiter(watch, uid)
        watch._waiters.setdefault(uid, set()).add(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Removes a waiter. The last waiter that leaves ends the process."""
        waiters = self._waiters.get(waiter.uid, set())
        waiters.discard(waiter)
        if not waiters:
            self._waiters.pop(waiter.uid, None)
        if not self._waiters:
            self._close()
            self._task.cancel()

    def _close(self) -> None:
        if _watches.get(self._key) is self:
            del _watches[self._key]

    def _wake(self, uid: str | None = None) -> None:
        groups = [self._waiters.get(uid, set())] if uid is not None else list(self._waiters.values())
        for waiter in [waiter for group in groups for waiter in group]:
            waiter.wake()

    async def _run(self) -> None:
        """Keeps watch-jobs running, until an error occurs for which no retry helps."""
        pause = FIRST_RESTART_DELAY
        try:
            while True:
                status = await self._run_watch_jobs()
                if status in NOT_RETRIED:
                    return self._fail(self.last_error)
                pause = FIRST_RESTART_DELAY if self.synced_at else min(2 * pause, MAX_RESTART_DELAY)
                self._set_unreachable(self.last_error)
                log.warning("watch-jobs ended with exit code %s; restarting it in %g s", status, pause)
                await asyncio.sleep(pause)
        except FileNotFoundError as error:  # bash or the script is missing
            self._fail(str(error))
        except Exception as error:  # otherwise the waiters would wait forever
            log.exception("cannot watch Jobs of namespace %s", self._key[2])
            self._fail(f"{type(error).__name__}: {error}")

    async def _run_watch_jobs(self) -> int:
        """Runs watch-jobs once; returns its exit code."""
        _, cluster, namespace = self._key
        process = await processes.start(command("watch-jobs", *cluster, namespace=namespace), airflow_environment="")
        errors = asyncio.ensure_future(self._log_stderr(process))
        try:
            log.info("started watch-jobs for namespace %s, %s", namespace, " ".join(cluster) or "current context")
            async for line in processes.lines(process.stdout):
                self._process_line(line)
            await errors
            return await process.wait()
        finally:
            errors.cancel()
            await processes.end(process)

    async def _log_stderr(self, process: Process) -> None:
        async for line in processes.lines(process.stderr):
            level, self.last_error = processes.parse_message(line)
            log.log(level, "%s", self.last_error)

    def _process_line(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            log.warning(
                "watch-jobs printed a line that is not a JSON object, which is ignored: %s", processes.format_line(line)
            )
            return
        kind, uid = event.get("event"), event.get("uid")
        if kind == "synced" and isinstance(uids := event.get("uids"), list):
            self._sync({uid for uid in uids if isinstance(uid, str)})
        elif kind == "reachable":
            self._set_reachable()
        elif kind == "unreachable":
            self._set_unreachable(event.get("message"))
        elif kind == "job" and isinstance(uid, str):
            job_status = JobStatus.read(event)
            if job_status != self.job_statuses.get(uid):
                self.job_statuses[uid] = job_status
                self._wake(uid)
        elif kind == "gone" and isinstance(uid, str):
            self._remove(uid)

    def _sync(self, uids: set[str]) -> None:
        for uid in [uid for uid in self.job_statuses if uid not in uids]:
            self._remove(uid)
        self._set_reachable()

    def _remove(self, uid: str) -> None:
        self.job_statuses.pop(uid, None)
        for waiter in self._waiters.get(uid, ()):
            waiter.gone = True
        self._wake(uid)

    def _set_unreachable(self, error: Any) -> None:
        if self.unreachable_since is None:
            self.unreachable_since = time.time()
        self.synced_at = None
        self.last_error = processes.format_line(str(error).encode(errors="replace"))
        self._wake()

    def _set_reachable(self) -> None:
        # Now all Jobs are known: watch-jobs has listed them, or continues its watch at the last resourceVersion. If one
        # of its first two lists is missing, they are not; then a worker may check a Job too early, which does no harm.
        if self.synced_at is None:
            self.synced_at, self.unreachable_since, self.last_error = time.time(), None, ""
            self._wake()

    def _fail(self, error: str) -> None:
        self.fatal_error = error or "see the log of the triggerer"
        log.error("cannot watch Jobs of namespace %s: %s", self._key[2], self.fatal_error)
        self._close()
        self._wake()
