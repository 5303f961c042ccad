"""Makes the DAGs that slots.py measures, for each way to wait."""

from __future__ import annotations

import os
from collections.abc import Callable

from airflow.sdk import DAG, BaseOperator

IMAGE = "busybox:1.37"
LASTING = 100_000  # seconds


def dags(way: str, task: Callable[[str, int], BaseOperator]) -> list[DAG]:
    """Return the DAGs of a way: `WAY`, whose Jobs end, and for each step `WAY-TOTAL-MORE`, with MORE Jobs without end.

    :param task: makes a task from its unique id and the duration of its Job in seconds
    """
    made = []
    counts = {way: (int(os.environ["SLOTS_JOBS"]), int(os.environ["SLOTS_SECONDS"]))}
    counts |= {f"{way}-{step}": (int(step.split("-")[1]), LASTING) for step in os.environ["SLOTS_STEPS"].split(",")}
    for dag_id, (count, seconds) in counts.items():
        with DAG(dag_id, schedule=None, is_paused_upon_creation=False) as dag:
            for number in range(count):
                # The durations are spread over ten seconds, the polling period of some operators.
                task(f"{dag_id}-job-{number}", max(1, seconds - 5 + number % 10))
        made.append(dag)
    return made
