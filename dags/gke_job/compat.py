"""The names that moved between Airflow 2.11 and 3, from where this Airflow keeps them."""

from __future__ import annotations

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import Context
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 2.11
    from airflow.operators.bash import BashOperator
    from airflow.utils.context import Context
    from airflow.utils.log.secrets_masker import mask_secret

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2.11, 3.1
    from airflow.exceptions import AirflowException, AirflowFailException

__all__ = ["AirflowException", "AirflowFailException", "BashOperator", "Context", "mask_secret"]
