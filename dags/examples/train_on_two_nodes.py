"""Trains one model on two nodes together, as with torchrun."""

from __future__ import annotations

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param


@dag(
    description="Trains one model on two nodes together, as with torchrun",
    tags=["gke_job"],
    schedule=None,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "image": Param("train-model:1", type="string", description="Image with the programs in /app"),
        "nodes": Param(2, type="integer", minimum=1),
        "epochs": Param(3, type="integer", minimum=1),
        "rows": Param(2_000, type="integer", minimum=100),
    },
    doc_md="""
### One training, two nodes

The template `distributed-job` makes a Pod for each node, and a Service by which they find each other. It sets the
environment variables of `torchrun` and `torch.distributed`: the address of rank 0, the number of Pods, and the rank.
With PyTorch the command is `["torchrun", "/app/train.py"]`; this example has a stand-in in plain Python.

When one Pod fails or is preempted, the Job fails at once, because the other Pods would wait for it without end.
Airflow retries the task (`retries=2`), which starts all Pods again; the program should start from its last
checkpoint, as in the example `finetune_on_spot`. If the cluster has Kueue, the value `"queue": NAME` starts the Pods
only when there is room for all of them.

The result is the list of the results of the ranks, rank 0 first.
""",
)
def train_on_two_nodes() -> None:
    """Runs one Job with several Pods."""
    GkeJobOperator(
        task_id="train",
        template="distributed-job",
        profile="cpu-small",
        cluster=GkeCluster.from_params(),
        namespace="{{ params.namespace }}",
        retries=2,
        values={
            "image": "{{ params.image }}",
            "command": ["python3", "/app/together.py"],
            "nodes": "{{ params.nodes }}",
            "env": {"EPOCHS": "{{ params.epochs }}", "ROWS": "{{ params.rows }}", "SEED": 7},
        },
    )


train_on_two_nodes()
