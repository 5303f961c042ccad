"""Names whose module differs between Airflow 2.11 and 3, imported from the module of this Airflow version."""

from __future__ import annotations

from typing import Any

__all__ = [
    "AIRFLOW_2",
    "DAG",
    "AirflowException",
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseSensorOperator",
    "BashOperator",
    "Context",
    "Param",
    "PokeReturnValue",
    "conf",
    "has_supervisor",
    "mask_secret",
    "redact",
    "resume_arguments",
    "task_states",
]

from .compat_trigger import (
    AIRFLOW_2,
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    conf,
    has_supervisor,
    mask_secret,
    redact,
    task_states,
)

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, BaseSensorOperator, Context, Param, PokeReturnValue
except ImportError:
    from airflow.models.dag import DAG
    from airflow.models.param import Param
    from airflow.operators.bash import BashOperator
    from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
    from airflow.utils.context import Context


def resume_arguments() -> dict[str, Any]:
    """Returns the arguments with which Airflow 2.11 resumes the task of this process; {} if it does not resume one.

    Airflow 2.11 may call `on_kill` before it calls the method that resumes the task; later versions do not.
    """
    if not AIRFLOW_2:
        return {}
    from airflow.operators.python import get_current_context

    try:
        return get_current_context()["ti"].next_kwargs or {}
    except AirflowException:  # no task is running yet
        return {}
