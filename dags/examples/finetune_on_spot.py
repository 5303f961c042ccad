"""Fine-tunes a model on a spot GPU, and continues from its last checkpoint when the node is preempted."""

from __future__ import annotations

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param


@dag(
    description="Fine-tunes a model on a spot GPU, and continues from its last checkpoint when the node is preempted",
    tags=["gke_job"],
    schedule=None,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "image": Param("train-model:1", type="string", description="Image with the programs in /app"),
        "bucket": Param("ml-checkpoints", type="string", description="Cloud Storage bucket for the checkpoints"),
        "service_account": Param("default", type="string", description="Kubernetes account that may write to it"),
        "steps": Param(200, type="integer", minimum=1),
        "rows": Param(2_000, type="integer", minimum=100),
    },
    doc_md="""
### GPU fine-tuning on spot nodes, with checkpoints

A spot GPU costs a third, but may be preempted at any time. Therefore the program saves a checkpoint every few steps,
and on SIGTERM, in a bucket that is mounted with Cloud Storage FUSE. It starts from the last checkpoint that it finds.

- A preemption is not a failure: by the template's `podFailurePolicy` Kubernetes replaces the Pod, and `retries` does
  not count it.
- If no spot node is available within half an hour, the retry uses the profile's fallback, `gpu-l4`: an on-demand node.
- Each DAG run has its own directory of checkpoints, so a retry of the task finds them, and another run does not.
- `shared_memory` is for the data loader's workers. `service_account` has access to the bucket by Workload Identity, so
  that no key is needed.

In your image `finetune` is a PyTorch program; this example has a stand-in in plain Python.
""",
)
def finetune_on_spot() -> None:
    """Runs one Job, which continues on another node after a preemption."""
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
