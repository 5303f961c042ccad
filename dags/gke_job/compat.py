"""The names that moved between Airflow 2.11 and 3, from where this Airflow keeps them."""

from __future__ import annotations

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import Context
except ImportError:  # Airflow 2.11
    from airflow.operators.bash import BashOperator
    from airflow.utils.context import Context

__all__ = ["BashOperator", "Context"]
