"""The trigger that waits for a Job in the triggerer of Airflow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from . import cancellation, paths
from .cluster import GkeCluster
from .compat_trigger import BaseTrigger, TriggerEvent
from .processes import format_line
from .shared_watch import SharedWatch, Waiter
from .waiting import ConditionTimes, Limits, ResumeReason, Wait, WatchState


class GkeJobTrigger(BaseTrigger):
    """Fires one event when a worker must check the Job. The worker reads the state of the Job again.

    The payload of the event: `{"deferral": {...}, "since": {"lacks_nodes": EPOCH, "cannot_start": EPOCH},
    "reason": WORD, "message": TEXT}`. The worker reads only `deferral`, and `since`, which it gives to the next trigger
    of the same Job. WORD, one of `waiting.ReasonCode`, and TEXT are for the log of the triggerer, in which Airflow
    prints the payload.

    :param cluster: the fields of GkeCluster
    :param namespace: the namespace of the Job
    :param job: the name of the Job
    :param uid: the uid of the Job
    :param airflow_environment: the name of this Airflow environment, as in the annotations of the Job; only the
        deletion of the Job needs it
    :param limits: the fields of `waiting.Limits`; one that is missing or None means no limit
    :param since: `since` of the last event for this Job; None for the first trigger
    :param deletes: whether to delete the Job when the task ends while it is deferred: a user has ended it, or the
        timeout of the deferral has expired
    :param deferral: data for the resumed task; the operator gives the fields of Deferral. The event contains it,
        because `dag.test()` passes nothing else
    """

    def __init__(
        self,
        *,
        cluster: Mapping[str, str],
        namespace: str,
        job: str,
        uid: str,
        airflow_environment: str,
        limits: Mapping[str, float | None] | None = None,
        since: Mapping[str, float | None] | None = None,
        deletes: bool = True,
        deferral: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cluster = dict(cluster)
        self.namespace = namespace
        self.job = job
        self.uid = uid
        self.airflow_environment = airflow_environment
        self.limits = dict(limits or {})
        self.since = dict(since or {})
        self.deletes = deletes
        self.deferral = dict(deferral or {})
        self._is_waiting = False  # True from the start of the wait until Airflow has taken the event

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Returns the class and the arguments from which a triggerer creates this trigger."""
        names = ("cluster", "namespace", "job", "uid", "airflow_environment", "limits", "since", "deletes", "deferral")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Waits until a worker must check the Job, and yields the event."""
        self._is_waiting = True
        self.log.info("gke-job %s", paths.version())
        wait = Wait(self.job, Limits(**self.limits), ConditionTimes(**self.since), time.time())
        waiter = SharedWatch.join(self._cluster_arguments(), self.namespace, self.uid)
        try:
            resume = await self._wait_for_reason(wait, waiter)
        finally:
            waiter.leave()
        yield TriggerEvent({**wait.payload(resume), "deferral": self.deferral})  # type: ignore[no-untyped-call]
        self._is_waiting = False  # Airflow has taken the event, because it has resumed this generator

    async def cleanup(self) -> None:
        """Deletes the Job if its task has ended. Airflow calls this whenever a trigger ends."""
        if not (self._is_waiting and self.deletes):
            return
        task = asyncio.ensure_future(self._delete_job())
        # Airflow 3 cancels a trigger again every second until it has ended, and then closes the log of the trigger.
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(task)

    async def _wait_for_reason(self, wait: Wait, waiter: Waiter) -> ResumeReason:
        previous = WatchState()
        while True:
            current = waiter.watch_state()
            self._log_changes(previous, current)
            if resume := wait.decide(current, time.time()):
                return resume
            previous = current
            await waiter.wait_for_change(wait.next_time())

    def _log_changes(self, previous: WatchState, current: WatchState) -> None:
        why = current.job_status.why if current.job_status else ""
        if why and (previous.job_status is None or previous.job_status.why != why):
            self.log.info("%s", why)
        if current.last_error and not previous.last_error:
            self.log.warning("cannot watch Job %s: %s", self.job, current.last_error)
        if previous.last_error and not current.last_error:
            self.log.info("the cluster is reachable again")
        if current.fatal_error and not previous.fatal_error:
            self.log.error("cannot watch Job %s: %s", self.job, current.fatal_error)

    async def _delete_job(self) -> None:
        try:
            if not await cancellation.has_task_ended(self.task_instance):
                return
            self.log.info("deleting Job %s, unless it is finished, because its task has ended", self.job)
            location = cancellation.JobLocation(
                cluster=tuple(self._cluster_arguments()),
                namespace=self.namespace,
                airflow_environment=self.airflow_environment,
            )
            if error := await cancellation.delete(location, self.job, self.uid):
                self.log.error("Job %s may still be running; delete it with delete-job: %s", self.job, error)
        except Exception as error:
            message = format_line(repr(error).encode())
            self.log.error("Job %s may still be running; delete it with delete-job: %s", self.job, message)

    def _cluster_arguments(self) -> list[str]:
        return GkeCluster(**self.cluster).arguments()
