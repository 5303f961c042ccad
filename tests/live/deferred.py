"""A DAG whose task is deferred until a file exists; triggerers.py says what becomes of it."""

from __future__ import annotations

import os
from typing import Any

try:
    from airflow.providers.standard.triggers.file import FileTrigger
    from airflow.sdk import DAG, BaseOperator
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.models import BaseOperator
    from airflow.triggers.file import FileTrigger


class Deferred(BaseOperator):
    def execute(self, context: Any) -> None:
        flag = os.path.join(os.environ["AIRFLOW_HOME"], "flag")
        self.defer(trigger=FileTrigger(filepath=flag, poke_interval=0.2), method_name="resume")

    def resume(self, context: Any, event: Any) -> None:
        print("resumed")


with DAG("deferred", schedule=None, is_paused_upon_creation=False):
    Deferred(task_id="task")
