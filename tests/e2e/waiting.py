"""DAGs whose tasks wait for their Jobs in the triggerer; test_waits.py checks them."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from gke_job import GkeJobOperator

try:
    from airflow.sdk import DAG, Asset, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow import Dataset as Asset
    from airflow.decorators import task

LINES = "for i in $(seq %d %d); do echo line-$i-; done"
SUCCESSES = Path(__file__).with_name("successes")  # has a line for each success of the task of "waits"


def note_success(context: Any) -> None:
    with SUCCESSES.open("a") as file:
        file.write("success\n")


# The shell command of each Job, and the arguments of its task.
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "waits": (
        "echo a line of the log; sleep 8; echo '{\"n\": 42}' >/dev/termination-log",
        {"outlets": [Asset("waits")], "on_success_callback": note_success},
    ),
    "waits_again": ("echo try {{ ti.try_number }}; sleep 1; test {{ ti.try_number }} = 2", {}),
    "waits_until_failed": ("sleep 600", {}),
    "waits_until_success": ("sleep 600", {}),
    "waits_until_cleared": ("test {{ ti.try_number }} = 1 && sleep 600; true", {}),
    "waits_until_run_ends": ("sleep 600", {}),
    "waits_and_is_kept": ("sleep 600", {"on_kill_action": "keep"}),
    "waits_too_long": ("sleep 600", {"timeout": 15, "retries": 0}),
    "waits_longer_than_airflow": ("sleep 600", {"execution_timeout": timedelta(seconds=30), "retries": 0}),
    "waits_for_an_image": ("true", {"start_timeout": 2}),
    "waits_and_prints": (
        f"trap '{LINES % (11, 20)}; exit 0' TERM; {LINES % (1, 10)}; sleep 600 & wait",
        {"logging_interval": 5},
    ),
}
IMAGES = {"waits_for_an_image": "no-such-image"}


@task
def use(n: int) -> None:
    print("used", n)


for name, (shell_command, arguments) in JOBS.items():
    limit = timedelta(seconds=60) if name == "waits_until_run_ends" else None
    with DAG(name, schedule=None, is_paused_upon_creation=False, dagrun_timeout=limit):
        job = GkeJobOperator(
            task_id="job",
            template="batch-job",
            namespace=os.environ["NAMESPACE"],
            values={
                "image": IMAGES.get(name, "busybox:1.37"),
                "command": ["sh", "-c", shell_command, name],
                "retries": 0,
                "termination_grace_seconds": 1,
            },
            deferrable=True,
            **{"retries": 1, "retry_delay": timedelta(0), **arguments},
        )
        if name == "waits":
            use(job.output["n"])
