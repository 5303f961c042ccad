"""What becomes of the Job when the trigger of its task is cancelled.

Airflow cancels a trigger, in the same way, when a person has marked or cleared its task, when the time of the deferral
is over, when another triggerer has taken it over, and when the triggerer is stopped. Only what Airflow has noted of the
task instance tells which it was. BaseTrigger.on_kill of Airflow 3.3 does not: it is called in the first and the third
case.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from dataclasses import dataclass
from typing import Any

from . import processes
from .command import reaping
from .compat_trigger import task_state

log = logging.getLogger(__name__)

ANSWER_SECONDS = 120.0  # for Airflow's answer: Airflow 3 makes its API when a trigger asks for the first time
PAUSE = 1.0  # seconds between two questions
MOVING_SECONDS = 60.0  # for which a task instance may be on its way to a worker
BATCH_SECONDS = 1.0  # in which the Jobs to delete are gathered, for many tasks of a DAG run may end at once
MOST_DELETIONS = 2  # scripts that delete Jobs at a time, in a namespace
KEPT = "deferred"
MOVING = ("scheduled", "queued", "running")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a Job is.

    cluster: the options that name the cluster to the scripts; environment: the name of the Airflow environment
    """

    cluster: tuple[str, ...]
    namespace: str
    environment: str


async def is_over(ti: Any) -> bool:
    """Returns whether the task instance of a trigger that was cancelled is over, so that its Job is to be deleted.

    Where Airflow does not answer it is being stopped. While a worker is to get, or has, the task instance, the worker
    decides: this waits for what comes of it, but not for long.
    """
    deadline = time.monotonic() + MOVING_SECONDS
    while True:
        try:
            state = await _ask(ti)
        except Exception as error:
            log.warning(
                "Airflow does not tell the state of the task instance: %s", processes.text_of(repr(error).encode())
            )
            return False
        if state not in MOVING:
            log.info("the trigger was cancelled; the task instance is %s", state or "cleared")
            return state != KEPT
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(PAUSE)


async def _ask(ti: Any) -> str | None:
    asking = _kept(asyncio.ensure_future(task_state(ti)))
    done, _ = await asyncio.wait({asking}, timeout=ANSWER_SECONDS)  # which does not cancel it
    if not done:
        raise TimeoutError(f"no answer in {ANSWER_SECONDS:g} s")
    state: str | None = asking.result()
    return state


class _Deletions:
    """The Jobs of a place that are to be deleted."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._jobs: dict[str, str] = {}  # by uid, those of the next batch
        self._batch: asyncio.Future[str] | None = None
        self._slots = asyncio.Semaphore(MOST_DELETIONS)
        self.users = 0

    async def add(self, job: str, uid: str) -> str:
        """Deletes a Job with others; returns why that failed, '' if it did not."""
        self._jobs[uid] = job
        if self._batch is None:
            # In a context of its own: what it logs is of several tasks.
            self._batch = _kept(contextvars.Context().run(asyncio.ensure_future, self._delete()))
        return await asyncio.shield(self._batch)

    async def _delete(self) -> str:
        await asyncio.sleep(BATCH_SECONDS)
        async with self._slots:
            jobs, self._jobs, self._batch = self._jobs, {}, None
            return await _reap(self._place, jobs)


_deletions: dict[tuple[asyncio.AbstractEventLoop, Place], _Deletions] = {}
_tasks: set[asyncio.Future[Any]] = set()


def _kept(task: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """Keeps a task alive until it is done: an event loop has only weak references."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def delete(place: Place, job: str, uid: str) -> str:
    """Deletes a Job unless it is finished, and waits until it is gone; returns why that failed, '' if it did not."""
    key = asyncio.get_running_loop(), place
    deletions = _deletions.setdefault(key, _Deletions(place))
    deletions.users += 1
    try:
        return await deletions.add(job, uid)
    finally:
        deletions.users -= 1
        if not deletions.users:
            del _deletions[key]


async def _reap(place: Place, jobs: dict[str, str]) -> str:
    listed = [{"job": job, "namespace": place.namespace, "uid": uid} for uid, job in jobs.items()]
    line, stdin = reaping(place.cluster, place.environment, listed)
    process = await processes.start(line, place.environment, stdin)
    said = ""
    try:
        async for text in processes.lines(process.stderr):
            level, said = processes.message_of(text)
            log.log(level, "%s", said)
        status = await process.wait()
        return f"reap-jobs has ended with exit code {status}: {said}" if status else ""
    except asyncio.CancelledError:  # the triggerer is being stopped: what has begun is to reach the cluster
        await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=processes.END_SECONDS)
        raise
    finally:
        await processes.end(process)
