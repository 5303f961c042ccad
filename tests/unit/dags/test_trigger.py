"""Whether the Job is deleted when the trigger of its task is cancelled."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from gke_job import cancellation, shared_watch
from gke_job.trigger import GkeJobTrigger
from gke_job.waiting import WatchState

TASK_INSTANCE = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)


class SilentWaiter:
    """A waiter of a watch that never reports anything."""

    def watch_state(self):
        return WatchState()

    async def wait_for_change(self, until):
        await asyncio.Event().wait()

    def leave(self):
        pass


@pytest.fixture
def cancelled(monkeypatch):
    """Cancels a trigger as Airflow does, while the task instance has these states; returns the deleted Jobs."""
    monkeypatch.setattr(shared_watch.SharedWatch, "join", lambda *_: SilentWaiter())
    monkeypatch.setattr(cancellation, "POLL_SECONDS", 0.01)

    def cancelled(*states, deletes=True, cancels=1):
        deleted, answers = [], list(states)

        async def task_state(ti):
            await asyncio.sleep(0)
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        async def delete(location, job, uid):
            await asyncio.sleep(0.05)
            deleted.append((location.namespace, job, uid))
            return ""

        monkeypatch.setattr(cancellation, "task_state", task_state)
        monkeypatch.setattr(cancellation, "delete", delete)

        async def main():
            one = GkeJobTrigger(
                cluster={}, namespace="ml", job="train", uid="u", airflow_environment="test", deletes=deletes
            )
            one.task_instance = TASK_INSTANCE
            events = 0

            async def run_trigger():  # as in airflow.jobs.triggerer_job_runner
                nonlocal events
                try:
                    async for _ in one.run():
                        events += 1
                finally:
                    with suppress(Exception):
                        await one.cleanup()

            task = asyncio.ensure_future(run_trigger())
            await asyncio.sleep(0.01)
            for _ in range(cancels):
                task.cancel()
                await asyncio.sleep(0.01)
            await asyncio.wait({task})
            assert task.cancelled()
            assert not events

        asyncio.run(main())
        return deleted

    return cancelled


DELETED = [("ml", "train", "u")]


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", None, "up_for_retry", "upstream_failed"])
def test_the_job_of_a_task_that_has_ended_is_deleted(cancelled, state):
    assert cancelled(state) == DELETED


def test_the_job_of_a_task_that_is_deferred_is_kept(cancelled):
    assert cancelled("deferred") == []


def test_the_trigger_waits_for_the_state_of_a_task_that_goes_to_a_worker(cancelled):
    assert cancelled("scheduled", "queued", "running", "failed") == DELETED
    assert cancelled("scheduled", "queued", "running", "deferred") == []


def test_the_job_of_a_task_that_remains_with_a_worker_is_kept(cancelled, monkeypatch):
    monkeypatch.setattr(cancellation, "WORKER_SECONDS", 0.1)
    assert cancelled("running") == []


def test_if_airflow_does_not_answer_the_job_is_kept(cancelled):
    assert cancelled(RuntimeError("no answer")) == []


def test_a_trigger_that_must_not_delete_its_job_does_not_request_the_state(cancelled):
    assert cancelled("failed", deletes=False) == []


def test_the_job_is_deleted_even_if_airflow_cancels_the_trigger_repeatedly(cancelled):
    assert cancelled("running", "running", "failed", cancels=20) == DELETED


def test_a_request_without_an_answer_is_not_cancelled(monkeypatch):
    monkeypatch.setattr(cancellation, "ANSWER_SECONDS", 0.05)
    ended = []

    async def task_state(ti):
        try:
            await asyncio.sleep(0.2)
        finally:
            ended.append(sys.exc_info()[0])

    monkeypatch.setattr(cancellation, "task_state", task_state)

    async def main():
        assert not await cancellation.has_task_ended(TASK_INSTANCE)
        assert not ended
        await asyncio.wait(cancellation._tasks)

    asyncio.run(main())
    assert ended == [None]


def test_the_job_is_deleted_if_airflow_has_not_taken_the_event(cancelled, monkeypatch):
    """The trigger is cancelled after it has fired and before Airflow has stored the event."""
    deleted = []

    async def delete(location, job, uid):
        deleted.append(job)
        return ""

    async def task_state(ti):
        return "failed"

    monkeypatch.setattr(cancellation, "delete", delete)
    monkeypatch.setattr(cancellation, "task_state", task_state)
    monkeypatch.setattr(SilentWaiter, "watch_state", lambda _: WatchState(gone=True))

    async def main(*, is_taken):
        one = GkeJobTrigger(cluster={}, namespace="ml", job="train", uid="u", airflow_environment="test")
        one.task_instance = TASK_INSTANCE
        async for _ in one.run():
            if not is_taken:
                break
        await one.cleanup()

    asyncio.run(main(is_taken=True))
    assert deleted == []
    asyncio.run(main(is_taken=False))
    assert deleted == ["train"]
