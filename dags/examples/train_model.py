"""Trains a model in Kubernetes Jobs, on nodes as big as the data needs."""

from __future__ import annotations

import logging
from typing import Any

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

# Largest size of the data for a profile, in bytes.
PROFILES = {"cpu-small": 1_000_000, "cpu-large": 1_000_000_000}
LARGEST_PROFILE = "highmem"


@dag(
    description="Trains a model in Kubernetes Jobs, on nodes as big as the data needs",
    tags=["gke_job"],
    schedule=None,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "image": Param("train-model:1", type="string", description="Image with the programs in /app"),
        "rows": Param(20_000, type="integer", minimum=100),
        "seed": Param(7, type="integer"),
        "epochs": Param(8, type="integer", minimum=1),
        "learning_rate": Param(0.1, type="number", exclusiveMinimum=0),
    },
    doc_md="""
### Measure, train, evaluate: three Jobs on another cluster

1. **measure** (Job) measures the data; **choose_profile** selects a profile by their size.
2. **train** (Job) fits a logistic regression with this profile; the task log shows its loss.
3. **evaluate** (Job) gets the model through XCom, and tests it on other rows. **report** returns a summary.

Leave project, location and cluster empty to use the current context of the worker's kubeconfig.
""",
)
def train_model() -> None:
    """Measures the data, trains on nodes that hold them, evaluates, and reports."""
    cluster = GkeCluster.from_params()

    def job(program: str, *, profile: Any = "cpu-small", **env: Any) -> GkeJobOperator:
        return GkeJobOperator(
            task_id=program,
            template="batch-job",
            profile=profile,
            cluster=cluster,
            namespace="{{ params.namespace }}",
            values={
                "image": "{{ params.image }}",
                "command": ["python3", f"/app/{program}.py"],
                "env": {"ROWS": "{{ params.rows }}", "SEED": "{{ params.seed }}", **env},
            },
        )

    @task
    def choose_profile(size: int) -> str:
        return next((name for name, most in PROFILES.items() if size <= most), LARGEST_PROFILE)

    @task
    def report(data: dict[str, Any], profile: str, model: dict[str, Any], quality: dict[str, Any]) -> dict[str, Any]:
        logging.info("%d rows trained on %s: accuracy %.1f %%", data["rows"], profile, 100 * quality["accuracy"])
        return {"rows": data["rows"], "profile": profile, "loss": model["loss"], "accuracy": quality["accuracy"]}

    data = job("measure").output
    profile = choose_profile(data["bytes"])
    train = job("train", profile=profile, EPOCHS="{{ params.epochs }}", LEARNING_RATE="{{ params.learning_rate }}")
    evaluate = job("evaluate", TRAINED="{{ ti.xcom_pull(task_ids='train') | tojson }}")
    train >> evaluate
    report(data, profile, train.output, evaluate.output)


train_model()
