"""The part of compat.py that a triggerer needs: on Airflow 2.11 the import of the rest takes half a second."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = [
    "AIRFLOW_2",
    "AirflowException",
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseTrigger",
    "TriggerEvent",
    "conf",
    "has_supervisor",
    "mask_secret",
    "redact",
    "task_state",
    "task_states",
]

from airflow.configuration import conf
from airflow.triggers.base import BaseTrigger, TriggerEvent

try:
    from airflow.sdk.log import mask_secret, redact

    AIRFLOW_2 = False
except ImportError:
    from airflow.utils.log.secrets_masker import mask_secret, redact

    AIRFLOW_2 = True

try:
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
    )
except ImportError:  # Airflow 2.11, 3.1
    from airflow.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
    )


def task_states(ti: Any, dag_id: str, run_id: str, map_index: int, task_ids: list[str]) -> dict[str, str | None]:
    """Returns the states of task instances of a DAG run, by task ID; those that do not exist are left out.

    :param ti: the task instance of the caller
    """
    if AIRFLOW_2:  # reads the database
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session() as session:
            found = session.query(TaskInstance.task_id, TaskInstance.state).filter_by(
                dag_id=dag_id, run_id=run_id, map_index=map_index
            )
            return dict(found.filter(TaskInstance.task_id.in_(task_ids)).all())
    mapped = map_index >= 0
    found = ti.get_task_states(
        dag_id=dag_id, task_ids=task_ids, run_ids=[run_id], map_index=map_index if mapped else None
    ).get(run_id, {})
    return {name.removesuffix(f"_{map_index}") if mapped else name: state for name, state in found.items()}


async def task_state(ti: Any) -> str | None:
    """Returns the state of a task instance, for its trigger; None if it was cleared or no longer exists.

    The caller must not cancel this coroutine: Airflow 3.1 would take the response for that of the next request, and the
    triggerer would end.

    :param ti: the task instance that Airflow gives to the trigger
    """

    def ask() -> str | None:
        asker = ti
        if not AIRFLOW_2:
            from airflow.sdk.execution_time import task_runner

            reader = getattr(task_runner.SUPERVISOR_COMMS, "_reader_task", None)  # Airflow 3.2 and 3.3
            if reader is not None and reader.done():
                raise ConnectionError("the triggerer is being stopped")
            asker = task_runner.RuntimeTaskInstance
        return task_states(asker, ti.dag_id, ti.run_id, ti.map_index, [ti.task_id]).get(ti.task_id)

    if AIRFLOW_2:
        return await asyncio.to_thread(ask)
    from asgiref.sync import sync_to_async  # the task SDK recognizes its threads

    return await sync_to_async(ask)()


def has_supervisor(ti: Any) -> bool:
    """Returns whether another process supervises this task; in `airflow dags test` none does."""
    if AIRFLOW_2:
        return ti.job_id is not None
    from airflow.sdk.execution_time import task_runner

    return type(getattr(task_runner, "SUPERVISOR_COMMS", None)).__name__ == "CommsDecoder"
