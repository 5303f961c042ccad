"""Tries hyper-parameters in parallel, one Pod each, and returns the best."""

from __future__ import annotations

from itertools import product
from typing import Any

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param


@dag(
    description="Tries hyper-parameters in parallel, one Pod each, and returns the best",
    tags=["gke_job"],
    schedule=None,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "image": Param("train-model:1", type="string", description="Image with the programs in /app"),
        "learning_rates": Param([0.02, 0.1, 0.5], type="array", items={"type": "number"}),
        "epochs": Param([1, 3], type="array", items={"type": "integer"}),
        "at_once": Param(4, type="integer", minimum=1, description="Pods at the same time"),
        "rows": Param(2_000, type="integer", minimum=100),
    },
    doc_md="""
### A hyper-parameter sweep: one Job, one Pod for each try

1. **grid** makes the list of tries.
2. **try_all** is one Job of the template `indexed-job`: each Pod reads its try from the file `$ITEM_FILE`, and at most
   `at_once` of them run at the same time. Each failed try is retried separately.
3. **best** gets the results of all Pods as one list, in the order of the tries, and returns the best.

Spot nodes are suitable: a preempted node costs only one try, and this does not count as a failure.
""",
)
def sweep() -> None:
    """Makes the grid, tries all combinations, and returns the best."""

    @task
    def grid(**context: Any) -> list[dict[str, Any]]:
        tries = product(context["params"]["learning_rates"], context["params"]["epochs"])
        return [{"learning_rate": rate, "epochs": epochs} for rate, epochs in tries]

    @task
    def best(results: list[dict[str, Any]]) -> dict[str, Any]:
        return max(results, key=lambda result: result["accuracy"])

    try_all = GkeJobOperator(
        task_id="try_all",
        template="indexed-job",
        profile="cpu-small-spot",
        cluster=GkeCluster.from_params(),
        namespace="{{ params.namespace }}",
        values={
            "image": "{{ params.image }}",
            "command": ["python3", "/app/try_one.py"],
            "env": {"ROWS": "{{ params.rows }}", "SEED": 7},
            "items": grid(),
            "parallelism": "{{ params.at_once }}",
        },
    )
    best(try_all.output)


sweep()
