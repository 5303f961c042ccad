"""DAGs with Jobs that are waited for without a worker slot; waits.py says what must come of them."""

from __future__ import annotations

import os
from datetime import timedelta

from gke_job import gke_job_group

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task

# The Job, from the number of the try that has submitted it.
JOBS = {
    "waits": "echo a line of the log; sleep 8; echo '{\"n\": 42}' >/dev/termination-log",
    "waits_again": "echo try {{ ti.try_number }}; sleep 1; test {{ ti.try_number }} = 2",
    "waits_until_marked": "sleep 600",
    "waits_too_long": "sleep 600",
    "waits_for_an_image": "true",
}
IMAGES = {"waits_for_an_image": "no-such-image"}


@task
def use(n: int) -> None:
    print("used", n)


for name, shell_command in JOBS.items():
    with DAG(name, schedule=None, is_paused_upon_creation=False):
        group = gke_job_group(
            "group",
            template="batch-job",
            namespace=os.environ["NAMESPACE"],
            values={"image": IMAGES.get(name, "busybox:1.37"), "command": ["sh", "-c", shell_command], "retries": 0},
            poke_interval=10,
            start_timeout=2 if name in IMAGES else 300,
            timeout=15 if name == "waits_too_long" else None,
            retries=1,
            retry_delay=timedelta(0),
        )
        if name == "waits":
            use(group.output["n"])
