"""A table of models, each with an Airflow DAG of its own that trains it at night."""

from __future__ import annotations

import logging
from typing import Any

from gke_job import GkeCluster, Training, training_dags


def notify(context: dict[str, Any]) -> None:
    """Stands for one of Airflow's notifiers, such as SmtpNotifier."""
    logging.error("%s failed", context["dag_run"])


DOC = """
### One of the models that are trained every night

This file is a table with a row for each model: what its programs are, how big its machine is, when it
runs. A new model is a new row; what all have in common stands once, below the table.

The image and the data are params: trigger the DAG with others to try them.
"""


def program(name: str) -> list[str]:
    """A program of the image."""
    return ["python3", f"/app/{name}.py"]


MODELS = [
    # As big as the data needs: measured every night, before it trains.
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
    # A size that is known, and a training that takes so long that it must not hold a worker slot.
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
