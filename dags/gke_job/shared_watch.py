"""One watch-jobs for all deferred tasks of a triggerer whose Jobs are in the same namespace of a cluster."""

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
from .waiting import Seen, View

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds until a watch-jobs that has ended is started again
NO_RETRY_HELPS = (64, 77, 78)  # exit codes: usage, permission denied, missing configuration

_watches: dict[tuple[asyncio.AbstractEventLoop, tuple[str, ...], str], SharedWatch] = {}


class Waiter:
    """One deferred task; `leave` must be called in the end."""

    def __init__(self, watch: SharedWatch, uid: str) -> None:
        self._watch, self.uid = watch, uid
        self._joined = time.time()
        self._changed = asyncio.Event()
        self.gone = False

    def view(self) -> View:
        """Returns what is known now."""
        watch, seen = self._watch, self._watch.seen.get(self.uid)
        is_missing = seen is None and watch.sighted is not None
        return View(
            seen=seen,
            gone=self.gone,
            missing_since=max(self._joined, watch.sighted) if is_missing and watch.sighted is not None else None,
            blind_since=watch.blind_since,
            trouble=watch.trouble,
            failed=watch.failed,
        )

    async def changed(self, until: float | None) -> None:
        """Waits until the view may have changed, or a time is reached, as of time.time()."""
        # Not asyncio.wait_for, which in Python 3.11 may lose a cancellation.
        timer = asyncio.get_running_loop().call_later(max(0.0, until - time.time()), self.wake) if until else None
        try:
            await self._changed.wait()
        finally:
            if timer:
                timer.cancel()
        self._changed.clear()

    def wake(self) -> None:
        """Makes `changed` return."""
        self._changed.set()

    def leave(self) -> None:
        """Stops waiting; the last one ends the process."""
        self._watch.leave(self)


class SharedWatch:
    """The process, and what it has reported.

    seen: by uid, the Jobs of the namespace; sighted: since when all of them are known, None while they are not;
    blind_since: since when nothing is seen of the cluster, None while it is, and trouble: why; failed: why it has
    ended for good
    """

    def __init__(self, cluster: tuple[str, ...], namespace: str) -> None:
        self._key = asyncio.get_running_loop(), cluster, namespace
        self._waiters: dict[str, set[Waiter]] = {}
        self.seen: dict[str, Seen] = {}
        self.sighted: float | None = None
        self.blind_since: float | None = time.time()
        self.trouble, self.failed = "", ""
        # In a context of its own: what it logs is not of the task that happens to be the first.
        self._task: asyncio.Task[None] = contextvars.Context().run(asyncio.ensure_future, self._run())

    @classmethod
    def join(cls, cluster: list[str], namespace: str, uid: str) -> Waiter:
        """Begins to wait for a Job.

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
        """Forgets a waiter; the last one ends the process."""
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
        waiters = [self._waiters.get(uid, set())] if uid is not None else list(self._waiters.values())
        for waiter in [one for some in waiters for one in some]:
            waiter.wake()

    async def _run(self) -> None:
        """Keeps watch-jobs running, until that is of no use."""
        pause = FIRST_PAUSE
        try:
            while True:
                status = await self._watch()
                if status in NO_RETRY_HELPS:
                    return self._fail(self.trouble)
                pause = FIRST_PAUSE if self.sighted else min(2 * pause, LONGEST_PAUSE)
                self._lose_sight(self.trouble)
                log.warning("watch-jobs has ended with exit code %s; it is started again in %g s", status, pause)
                await asyncio.sleep(pause)
        except FileNotFoundError as error:  # bash, or the script
            self._fail(str(error))
        except Exception as error:  # else all would wait for ever
            log.exception("cannot watch Jobs")
            self._fail(f"{type(error).__name__}: {error}")

    async def _watch(self) -> int:
        """Runs watch-jobs once; returns its exit code."""
        _, cluster, namespace = self._key
        process = await processes.start(command("watch-jobs", *cluster, namespace=namespace), environment="")
        errors = asyncio.ensure_future(self._take_errors(process))
        try:
            log.info("started watch-jobs for namespace %s, %s", namespace, " ".join(cluster) or "current context")
            async for line in processes.lines(process.stdout):
                self._take(line)
            await errors
            return await process.wait()
        finally:
            errors.cancel()
            await processes.end(process)

    async def _take_errors(self, process: Process) -> None:
        async for line in processes.lines(process.stderr):
            level, self.trouble = processes.message_of(line)
            log.log(level, "%s", self.trouble)

    def _take(self, line: bytes) -> None:
        try:
            report = json.loads(line)
        except (ValueError, RecursionError):
            report = None
        if not isinstance(report, dict):
            log.warning("watch-jobs has printed what is no report: %s", processes.text_of(line))
            return
        event, uid = report.get("event"), report.get("uid")
        if event == "synced" and isinstance(uids := report.get("uids"), list):
            self._sync({uid for uid in uids if isinstance(uid, str)})
        elif event == "reachable":
            self._regain_sight()
        elif event == "unreachable":
            self._lose_sight(report.get("message"))
        elif event == "job" and isinstance(uid, str):
            seen = Seen.read(report)
            if seen != self.seen.get(uid):
                self.seen[uid] = seen
                self._wake(uid)
        elif event == "gone" and isinstance(uid, str):
            self._remove(uid)

    def _sync(self, uids: set[str]) -> None:
        for uid in [uid for uid in self.seen if uid not in uids]:
            self._remove(uid)
        self._regain_sight()

    def _remove(self, uid: str) -> None:
        self.seen.pop(uid, None)
        for waiter in self._waiters.get(uid, ()):
            waiter.gone = True
        self._wake(uid)

    def _lose_sight(self, trouble: Any) -> None:
        if self.blind_since is None:
            self.blind_since = time.time()
        self.sighted = None
        self.trouble = processes.text_of(str(trouble).encode(errors="replace"))
        self._wake()

    def _regain_sight(self) -> None:
        if self.sighted is None:
            self.sighted, self.blind_since, self.trouble = time.time(), None, ""
            self._wake()

    def _fail(self, why: str) -> None:
        self.failed = why or "see the log of the triggerer"
        log.error("cannot watch Jobs: %s", self.failed)
        self._close()
        self._wake()
