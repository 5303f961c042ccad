"""The names that moved between Airflow 2.11 and 3, from where this Airflow keeps them."""

from __future__ import annotations

from typing import Any

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import BaseSensorOperator, Context, TaskGroup
    from airflow.sdk.log import mask_secret

    AIRFLOW_2 = False
except ImportError:
    from airflow.operators.bash import BashOperator
    from airflow.sensors.base import BaseSensorOperator
    from airflow.utils.context import Context
    from airflow.utils.log.secrets_masker import mask_secret
    from airflow.utils.task_group import TaskGroup

    AIRFLOW_2 = True

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2.11, 3.1
    from airflow.exceptions import AirflowException, AirflowFailException


def task_state(ti: Any) -> str | None:
    """What this task instance is now, as Airflow has noted it; None for no state, or no such task instance."""
    if AIRFLOW_2:  # from the database
        return ti.current_state()
    mapped = ti.map_index >= 0
    states = ti.get_task_states(
        dag_id=ti.dag_id,
        task_ids=[ti.task_id],
        run_ids=[ti.run_id],
        map_index=ti.map_index if mapped else None,
    )
    return states.get(ti.run_id, {}).get(f"{ti.task_id}_{ti.map_index}" if mapped else ti.task_id)


def is_first_look(context: Context) -> bool:
    """Whether a sensor has not been rescheduled in this try yet."""
    if AIRFLOW_2:
        from airflow.models.taskreschedule import TaskReschedule
        from airflow.utils.session import create_session

        ti = context["ti"]
        of_ti = {name: getattr(ti, name) for name in ("dag_id", "task_id", "run_id", "map_index", "try_number")}
        with create_session() as session:
            return not session.query(TaskReschedule).filter_by(**of_ti).count()
    return not context.get("task_reschedule_count")


def has_supervisor(ti: Any) -> bool:
    """Whether another process watches this task; in `airflow dags test` there is none."""
    if AIRFLOW_2:
        return ti.job_id is not None
    from airflow.sdk.execution_time import task_runner

    return type(getattr(task_runner, "SUPERVISOR_COMMS", None)).__name__ == "CommsDecoder"


__all__ = [
    "AirflowException",
    "AirflowFailException",
    "BaseSensorOperator",
    "BashOperator",
    "Context",
    "TaskGroup",
    "has_supervisor",
    "is_first_look",
    "mask_secret",
    "task_state",
]
