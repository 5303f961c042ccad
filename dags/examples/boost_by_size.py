"""Trains gradient-boosted trees on CPU, on a machine as big as the data needs."""

from __future__ import annotations

from typing import Any

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param


@dag(
    description="Trains gradient-boosted trees on CPU, on a machine as big as the data needs",
    tags=["gke_job"],
    schedule=None,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "image": Param("train-model:1", type="string", description="Image with the programs in /app"),
        "rows": Param(20_000, type="integer", minimum=100),
        "rounds": Param(20, type="integer", minimum=1),
    },
    doc_md="""
### XGBoost on CPU, by the size of the data

1. **measure** (Job) says how many bytes the data has in memory.
2. **boost** (Job) trains on the smallest machine that holds them: `profile_for={"bytes": ...}` looks it up in the size
   table of `templates/profiles.yaml`. Nobody has to guess, and nobody pays for memory that is not used.

`escalate` is for the day when the guess was wrong: a try that ended OOMKilled is followed by one on the next larger
machine. `no_retry_exit_codes` keeps a bug in the program from being tried three times.

In your image `boost` is a program that calls `xgboost.train`; here a stand-in in plain Python takes its place.
""",
)
def boost_by_size() -> None:
    """Measures the data, then trains where they fit."""
    cluster = GkeCluster.from_params()

    def job(program: str, *, values: dict[str, Any] | None = None, **options: Any) -> GkeJobOperator:
        return GkeJobOperator(
            task_id=program,
            template="batch-job",
            cluster=cluster,
            namespace="{{ params.namespace }}",
            values={
                "image": "{{ params.image }}",
                "command": ["python3", f"/app/{program}.py"],
                "env": {"ROWS": "{{ params.rows }}", "SEED": 7, "ROUNDS": "{{ params.rounds }}"},
                **(values or {}),
            },
            **options,
        )

    measure = job("measure", profile="cpu-small")
    job(
        "boost",
        profile_for={"bytes": measure.output["bytes"]},
        escalate=True,
        retries=1,
        values={"deadline_seconds": 4 * 3600, "no_retry_exit_codes": [1, 2]},
    )


boost_by_size()
