"""The trigger that waits for a Job in Airflow's triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from . import ending, paths
from .cluster import GkeCluster
from .compat_trigger import BaseTrigger, TriggerEvent
from .processes import text_of
from .shared_watch import SharedWatch, Waiter
from .waiting import Fire, Limits, Since, View, Waiting


class GkeJobTrigger(BaseTrigger):
    """Fires one event when a worker has something to do for a Job; what there is, the worker finds out anew.

    The payload of the event: `{"why": WORD, "message": TEXT, "since": {"lacks_nodes": EPOCH, "cannot_start": EPOCH},
    "task": {...}}`. WORD is finished, gone, timeout, schedule_timeout, start_timeout, unreachable, logs or
    watch_failed; `since` is for the next trigger of the same Job.

    :param cluster: the fields of GkeCluster
    :param namespace: of the Job
    :param job: its name
    :param uid: its uid
    :param environment: the name of this Airflow environment, as the Job has it
    :param limits: the fields of `waiting.Limits`; what is missing or None has no limit
    :param since: of the event of the trigger before, None for the first
    :param deletes: whether the Job is deleted when the task is ended while it is deferred: by a person, or because the
        time of the deferral is over
    :param task: what the resumed task is to know; a part of the event, because `dag.test()` passes on nothing else
    """

    def __init__(
        self,
        *,
        cluster: Mapping[str, str],
        namespace: str,
        job: str,
        uid: str,
        environment: str,
        limits: Mapping[str, float | None] | None = None,
        since: Mapping[str, float | None] | None = None,
        deletes: bool = True,
        task: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cluster = dict(cluster)
        self.namespace = namespace
        self.job = job
        self.uid = uid
        self.environment = environment
        self.limits = dict(limits or {})
        self.since = dict(since or {})
        self.deletes = deletes
        self.of_task = dict(task or {})
        self._waits = False  # and so has not handed an event to Airflow

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Returns what makes it anew in a triggerer."""
        names = ("cluster", "namespace", "job", "uid", "environment", "limits", "since", "deletes")
        given = {name: getattr(self, name) for name in names}
        return f"{__name__}.{type(self).__name__}", {**given, "task": self.of_task}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Waits, and fires."""
        self._waits = True
        self.log.info("gke-job %s", paths.version())
        waiting = Waiting(self.job, Limits(**self.limits), Since(**self.since), time.time())
        waiter = SharedWatch.join(self._cluster_arguments(), self.namespace, self.uid)
        try:
            fire = await self._wait(waiting, waiter)
        finally:
            waiter.leave()
        yield TriggerEvent({**waiting.payload(fire), "task": self.of_task})  # type: ignore[no-untyped-call]
        self._waits = False  # Airflow, which has come back, has the event

    async def cleanup(self) -> None:
        """Deletes the Job when the task was ended; Airflow calls this at every end of a trigger."""
        if not (self._waits and self.deletes):
            return
        task = asyncio.ensure_future(self._end_job())
        # Airflow 3 cancels a trigger again every second until it has ended, and then closes its log.
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(task)

    async def _wait(self, waiting: Waiting, waiter: Waiter) -> Fire:
        before = View()
        while True:
            view = waiter.view()
            self._log_news(before, view)
            if fire := waiting.decide(view, time.time()):
                return fire
            before = view
            await waiter.changed(waiting.next_time())

    def _log_news(self, before: View, view: View) -> None:
        if view.seen and view.seen.why and (before.seen is None or before.seen.why != view.seen.why):
            self.log.info("%s", view.seen.why)
        if view.trouble and not before.trouble:
            self.log.warning("cannot watch Job %s: %s", self.job, view.trouble)
        if before.trouble and not view.trouble:
            self.log.info("the cluster answers again")
        if view.failed and not before.failed:
            self.log.error("cannot watch Job %s: %s", self.job, view.failed)

    async def _end_job(self) -> None:
        try:
            if not await ending.is_over(self.task_instance):
                return
            self.log.info("deleting Job %s unless it is finished: its task is over", self.job)
            place = ending.Place(
                cluster=tuple(self._cluster_arguments()), namespace=self.namespace, environment=self.environment
            )
            if trouble := await ending.delete(place, self.job, self.uid):
                self.log.error("Job %s may run on; delete it with delete-job: %s", self.job, trouble)
        except Exception as error:
            self.log.error("Job %s may run on: %s", self.job, text_of(repr(error).encode()))

    def _cluster_arguments(self) -> list[str]:
        return GkeCluster(**self.cluster).arguments()
