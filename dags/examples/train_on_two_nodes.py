"""Trains one model on two nodes at once, as torchrun would."""

from __future__ import annotations

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param


@dag(
    description="Trains one model on two nodes at once, as torchrun would",
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

The template `distributed-job` makes a Pod for each node and a Service by which they find each other. It says in the
environment what `torchrun` and `torch.distributed` ask for: the address of rank 0, how many Pods, and the own rank.
With PyTorch the command is `["torchrun", "/app/train.py"]`; here a stand-in in plain Python takes its place.

All Pods or none: when one fails or is preempted, the Job fails at once, and the others do not wait for it in vain.
The retry is that of the task, `retries=2`, which starts all of them anew; let the program begin with its last
checkpoint, as in the example `finetune_on_spot`. Where a cluster has Kueue, `"queue": NAME` among the values starts
the Pods only when there is room for all of them.

The result is the list of what the ranks left, rank 0 first.
""",
)
def train_on_two_nodes() -> None:
    """One Job of several Pods."""
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
