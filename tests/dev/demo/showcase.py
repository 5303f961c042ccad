"""The DAG of `make demo`: Jobs survive a preemption and an OOMKilled Pod.

The programs only sleep, so that each phase is visible; dags/examples has programs that train.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

# Saves a checkpoint of each step in a bucket, and resumes from it after a preemption.
FINETUNE = """
file=$CHECKPOINTS/step; mkdir -p "$CHECKPOINTS"
step=$(cat "$file" 2>/dev/null || echo 0); begin=$step
trap 'echo "SIGTERM: step $step is saved"; exit 143' TERM
[ "$step" = 0 ] || echo "going on from the checkpoint of step $step"
while [ "$step" -lt "$STEPS" ]; do
  sleep 1 & wait $!
  step=$((step + 1)); echo "$step" >"$file"; echo "step $step/$STEPS, checkpoint saved"
done
echo "{\\"steps\\": $step, \\"resumed_from\\": $begin}" >/dev/termination-log
"""

# Needs more memory than its first profile has.
TRAIN = """
import json, time
parts = []
for number in range(1, 5):
    parts.append(b"x" * (30 << 20))
    print(f"{30 * number} MiB of data in memory", flush=True)
    time.sleep(0.8)
json.dump({"bytes": sum(map(len, parts))}, open("/dev/termination-log", "w"))
"""

# One of several tries, with different durations.
TRY_ONE = """
import json, os, time
item = json.load(open(os.environ["ITEM_FILE"]))
time.sleep(1.5 + item["rate"] * 10)
accuracy = round(0.9 - abs(item["rate"] - 0.1), 2)
print(f"learning rate {item['rate']}: accuracy {accuracy}", flush=True)
json.dump({**item, "accuracy": accuracy}, open("/dev/termination-log", "w"))
"""
RATES = [0.01, 0.05, 0.1, 0.2, 0.02, 0.15]
REPORTS = os.environ.get("GKE_JOB_DEMO_REPORTS")  # the directory of the reports


@dag(
    description="A spot node that is taken away, a program that runs out of memory, a sweep",
    schedule=None,
    params={**GkeCluster.params(), "spot": Param(True, type="boolean", description="The cluster has spot nodes")},
)
def showcase() -> None:
    """Run three Jobs one after the other, and compare the results of the sweep."""

    def job(name: str, command: list[str], *, template: str = "batch-job", **others: Any) -> GkeJobOperator:
        values = {"image": "train-model:1", "command": command, **others.pop("values", {})}
        return GkeJobOperator(
            task_id=name,
            template=template,
            cluster=GkeCluster.from_params(),
            profiles=str(Path(__file__).resolve().with_name("profiles.yaml")),
            report=REPORTS and REPORTS + "/{{ task.task_id }}-{{ ti.try_number }}.html",
            values=values,
            **others,
        )

    finetune = job(
        "finetune",
        ["sh", "-c", FINETUNE],
        profile="small-spot",
        values={
            "env": {"STEPS": 6, "CHECKPOINTS": "/checkpoints/{{ run_id }}"},
            "buckets": {"/checkpoints": "ml-checkpoints"},
        },
    )
    train = job(
        "train",
        ["python3", "-c", TRAIN],
        profile="small",
        escalate=True,
        retries=1,
        retry_delay=timedelta(0),
        values={"retries": 0},
    )
    sweep = job(
        "sweep",
        ["python3", "-c", TRY_ONE],
        template="indexed-job",
        profile="{{ 'small-spot' if params.spot else 'small' }}",
        values={"items": [{"rate": rate} for rate in RATES], "parallelism": 4},
    )

    @task
    def best(tries: list[dict[str, Any]]) -> dict[str, Any]:
        return max(tries, key=lambda one: one["accuracy"])

    finetune >> train >> sweep
    best(sweep.output)


showcase()
