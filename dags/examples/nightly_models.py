"""A table of models; for each model an Airflow DAG trains it at night."""

from __future__ import annotations

import logging
from typing import Any

from gke_job import GkeCluster, Training, training_dags


def notify(context: dict[str, Any]) -> None:
    """Logs a failure; use one of Airflow's notifiers instead, such as SmtpNotifier."""
    logging.error("%s failed", context["dag_run"])


DOC = """
### One of the models that are trained every night

This file has a table with a row for each model: its programs, the size of its machine, and its schedule. To add a
model, add a row. The common arguments of all models are below the table.

The image and the data are params: trigger the DAG with other values to try them.
"""


def program(name: str) -> list[str]:
    """Returns the command of a program of the image."""
    return ["python3", f"/app/{name}.py"]


MODELS = [
    # The size is measured every night, before the training.
    Training(
        model="churn",
        image="train-model:1",
        data="gs://ml-data/churn",
        measure=program("measure"),
        train=program("train"),
        evaluate=program("evaluate"),
        values={"env": {"ROWS": 2000, "SEED": 7, "EPOCHS": 2, "LEARNING_RATE": 0.1}},
        schedule="0 2 * * *",
        escalate=True,
    ),
    # The size is known. The training takes so long that it must not hold a worker slot.
    Training(
        model="demand",
        image="train-model:1",
        data="gs://ml-data/demand",
        train=program("boost"),
        profile_for={"bytes": 20_000_000_000},
        values={"env": {"ROWS": 2000, "SEED": 8, "ROUNDS": 2}},
        schedule="0 3 * * 6",
        timeout=24 * 3600,
        deferrable=True,
    ),
]

training_dags(
    MODELS,
    cluster=GkeCluster.from_params(),
    params=GkeCluster.params(),
    doc_md=DOC,
    tags=["gke_job"],
    on_failure_callback=notify,
)
