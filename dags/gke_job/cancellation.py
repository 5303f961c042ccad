"""Decides whether to delete the Job when the trigger of its task is cancelled, and deletes it.

Airflow cancels a trigger in the same way in four cases: a person has marked or cleared its task, the timeout of the
deferral has expired, another triggerer has taken the trigger over, or the triggerer is being stopped. Only the state of
the task instance distinguishes them. BaseTrigger.on_kill of Airflow 3.3 does not: Airflow calls it in the first and the
third case.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from dataclasses import dataclass
from typing import Any

from . import processes
from .command import reap_command
from .compat_trigger import task_state

log = logging.getLogger(__name__)

ANSWER_SECONDS = 120.0  # timeout of a request: Airflow 3 creates its API at the first request of a trigger
POLL_SECONDS = 1.0  # interval between two requests
WORKER_SECONDS = 60.0  # how long to wait for a task instance that is on its way to a worker
BATCH_SECONDS = 1.0  # how long to collect Jobs to delete: many tasks of a DAG run may end at once
MAX_DELETIONS = 2  # scripts that delete Jobs of a namespace at the same time
DEFERRED = "deferred"
WORKER_STATES = ("scheduled", "queued", "running")


@dataclass(frozen=True, kw_only=True)
class JobLocation:
    """The location of a Job.

    :param cluster: the options that name the cluster to the scripts
    :param namespace: the namespace of the Job
    :param airflow_environment: the name of the Airflow environment
    """

    cluster: tuple[str, ...]
    namespace: str
    airflow_environment: str


async def has_task_ended(ti: Any) -> bool:
    """Returns whether the task of a cancelled trigger has ended, so that its Job must be deleted.

    If Airflow does not answer, it is being stopped, and the task has not ended. While the task instance is scheduled,
    queued or running, its worker decides: this function polls the state for up to WORKER_SECONDS.
    """
    deadline = time.monotonic() + WORKER_SECONDS
    while True:
        try:
            state = await _get_state(ti)
        except Exception as error:
            log.warning("cannot get the state of the task instance: %s", processes.format_line(repr(error).encode()))
            return False
        if state not in WORKER_STATES:
            log.info("the trigger was cancelled; the task instance is %s", state or "cleared")
            return state != DEFERRED
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)


async def _get_state(ti: Any) -> str | None:
    asking = _keep_alive(asyncio.ensure_future(task_state(ti)))
    done, _ = await asyncio.wait({asking}, timeout=ANSWER_SECONDS)  # does not cancel the request
    if not done:
        raise TimeoutError(f"no answer in {ANSWER_SECONDS:g} s")
    state: str | None = asking.result()
    return state


class _Deletions:
    """Deletes the Jobs of a location in batches."""

    def __init__(self, location: JobLocation) -> None:
        self._location = location
        self._jobs: dict[str, str] = {}  # the next batch: names by uid
        self._batch: asyncio.Future[str] | None = None
        self._slots = asyncio.Semaphore(MAX_DELETIONS)
        self.users = 0

    async def add(self, job: str, uid: str) -> str:
        """Deletes a Job in the next batch; returns the reason of a failure, '' on success."""
        self._jobs[uid] = job
        if self._batch is None:
            # In its own context, because its log messages belong to several tasks.
            self._batch = _keep_alive(contextvars.Context().run(asyncio.ensure_future, self._delete()))
        return await asyncio.shield(self._batch)

    async def _delete(self) -> str:
        await asyncio.sleep(BATCH_SECONDS)
        async with self._slots:
            jobs, self._jobs, self._batch = self._jobs, {}, None
            return await _run_reap_jobs(self._location, jobs)


_deletions: dict[tuple[asyncio.AbstractEventLoop, JobLocation], _Deletions] = {}
_tasks: set[asyncio.Future[Any]] = set()


def _keep_alive(task: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """Keeps a task alive until it is done: an event loop has only weak references."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def delete(location: JobLocation, job: str, uid: str) -> str:
    """Deletes a Job unless it is finished, and waits until it is gone.

    Returns the reason of a failure, '' on success.
    """
    key = asyncio.get_running_loop(), location
    deletions = _deletions.setdefault(key, _Deletions(location))
    deletions.users += 1
    try:
        return await deletions.add(job, uid)
    finally:
        deletions.users -= 1
        if not deletions.users:
            del _deletions[key]


async def _run_reap_jobs(location: JobLocation, jobs: dict[str, str]) -> str:
    listed = [{"job": job, "namespace": location.namespace, "uid": uid} for uid, job in jobs.items()]
    argv, stdin = reap_command(location.cluster, location.airflow_environment, listed)
    process = await processes.start(argv, location.airflow_environment, stdin)
    message = ""
    try:
        async for line in processes.lines(process.stderr):
            level, message = processes.parse_message(line)
            log.log(level, "%s", message)
        status = await process.wait()
        return f"reap-jobs ended with exit code {status}: {message}" if status else ""
    except asyncio.CancelledError:  # the triggerer is being stopped: let a request in progress reach the cluster
        await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=processes.END_SECONDS)
        raise
    finally:
        await processes.end(process)
