"""The names that moved between Airflow 2.11 and 3, from where this Airflow keeps them."""

from __future__ import annotations

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import Context, Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param
    from airflow.operators.bash import BashOperator
    from airflow.utils.context import Context

__all__ = ["BashOperator", "Context", "Param", "dag", "task"]
