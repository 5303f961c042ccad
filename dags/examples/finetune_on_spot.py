"""Fine-tunes a model on a spot GPU, and goes on from its last checkpoint when the node is taken away."""

from __future__ import annotations

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param


@dag(
    description="Fine-tunes a model on a spot GPU, and goes on from its last checkpoint when the node is taken away",
    tags=["gke_job"],
    schedule=None,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "image": Param("train-model:1", type="string", description="Image with the programs in /app"),
        "bucket": Param("ml-checkpoints", type="string", description="Cloud Storage bucket for the checkpoints"),
        "service_account": Param("default", type="string", description="Kubernetes one that may write to the bucket"),
        "steps": Param(200, type="integer", minimum=1),
        "rows": Param(2_000, type="integer", minimum=100),
    },
    doc_md="""
### GPU fine-tuning on spot nodes, with checkpoints

A spot GPU costs a third, and may be taken away at any minute. So the program saves a checkpoint every few steps, and on
SIGTERM, into a bucket that is mounted with Cloud Storage FUSE, and begins with the last one that it finds.

- A preemption is not a failure: the template's `podFailurePolicy` has another Pod made, and `retries` stays untouched.
- Where no spot node comes within half an hour, the retry takes the profile's fallback, `gpu-l4`: an on-demand node.
- The directory of the checkpoints is that of this DAG run, so a retry of the task finds them, and another run does not.
- `shared_memory` is for the data loader's workers; `service_account` reaches the bucket by Workload Identity, so there
  is no key anywhere.

In your image `finetune` is a PyTorch program; here a stand-in in plain Python takes its place.
""",
)
def finetune_on_spot() -> None:
    """One Job, which outlives its nodes."""
    GkeJobOperator(
        task_id="finetune",
        template="batch-job",
        profile="gpu-l4-spot",
        fallback=True,
        schedule_timeout=1800,
        cluster=GkeCluster.from_params(),
        namespace="{{ params.namespace }}",
        retries=2,
        values={
            "image": "{{ params.image }}",
            "command": ["python3", "/app/finetune.py"],
            "env": {
                "STEPS": "{{ params.steps }}",
                "CHECKPOINT_EVERY": 10,
                "CHECKPOINTS": "/checkpoints/{{ dag.dag_id }}/{{ run_id }}",
                "ROWS": "{{ params.rows }}",
                "SEED": 7,
            },
            "buckets": {"/checkpoints": "{{ params.bucket }}"},
            "shared_memory": "2Gi",
            "service_account": "{{ params.service_account }}",
            "retries": 1,
        },
    )


finetune_on_spot()
