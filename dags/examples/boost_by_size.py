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

1. **measure** (Job) returns the size of the data in memory, in bytes.
2. **boost** (Job) trains on the smallest machine that holds them: `profile_for={"bytes": ...}` finds it in the size
   table of `templates/profiles.yaml`. You need not guess the size, and do not pay for unused memory.

`escalate` helps when the measured size was too small: after a try that ended OOMKilled, the next one runs on the next
larger machine. `no_retry_exit_codes` prevents retries of a program with a bug.

In your image `boost` is a program that calls `xgboost.train`; this example has a stand-in in plain Python.
""",
)
def boost_by_size() -> None:
    """Measures the data, then trains on a machine that holds them."""
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
