"""The Jobs of the benchmark, by GkeJobOperator and by the operator that a user would take instead, in turn.

Environment: BENCH_TOOLS, `ours`, `peer` or both with a comma between; BENCH_COUNT, Jobs of each; BENCH_SECONDS that
each Job takes; BENCH_NAMESPACE; BENCH_RECORD, the file that gets a JSON line a task: `task` and when it had `returned`,
in seconds of the monotonic clock.
"""

from __future__ import annotations

import json
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from airflow.providers.cncf.kubernetes.operators.job import KubernetesJobOperator
from airflow.sdk import BaseOperator, dag

from gke_job import GkeJobOperator

IMAGE = "busybox:1.37"
COMMAND = ["sh", "-c", f"sleep {os.environ['BENCH_SECONDS']}"]


def record(operator: BaseOperator) -> None:
    with Path(os.environ["BENCH_RECORD"]).open("a") as file:
        print(json.dumps({"task": operator.task_id, "returned": time.monotonic()}), file=file)


class Ours(GkeJobOperator):
    """Says when it has returned."""

    def execute(self, context: Any) -> Any:
        result = super().execute(context)
        record(self)
        return result


class Peer(KubernetesJobOperator):
    """Says when it has returned."""

    def execute(self, context: Any) -> Any:
        result = super().execute(context)
        record(self)
        return result


def task(tool: str, number: int) -> BaseOperator:
    name, namespace = f"{tool}-{number}", os.environ["BENCH_NAMESPACE"]
    if tool == "ours":
        values = {"image": IMAGE, "command": COMMAND, "retries": 0}
        return Ours(task_id=name, template="batch-job", namespace=namespace, values=values)
    return Peer(
        task_id=name,
        name=name,
        namespace=namespace,
        image=IMAGE,
        cmds=COMMAND,
        backoff_limit=0,
        random_name_suffix=False,
        wait_until_job_complete=True,
        in_cluster=False,
        config_file=os.environ["KUBECONFIG"],
    )


@dag(schedule=None)
def bench() -> None:
    """One task after the other, the tools in turn."""
    tools = os.environ["BENCH_TOOLS"].split(",")
    tasks = [task(tool, number) for number in range(int(os.environ["BENCH_COUNT"])) for tool in tools]
    for before, after in pairwise(tasks):
        before >> after


bench()
