"""Prepares data with Dataflow, trains on them in a Job, and loads the metrics into BigQuery."""

from __future__ import annotations

from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
from airflow.providers.google.cloud.operators.dataflow import DataflowTemplatedJobStartOperator

from gke_job import GkeCluster, GkeJobOperator

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

REGION = "europe-west4"  # of Dataflow and of the datasets; BigQueryInsertJobOperator does not render its location
INSERT = "INSERT INTO `{{ params.metrics_table }}` VALUES (@run_id, @dataflow_job, PARSE_JSON(@metrics))"


@dag(
    description="Prepares data with Dataflow, trains on them in a Job, and loads the metrics into BigQuery",
    tags=["gke_job"],
    schedule=None,
    params={
        **GkeCluster.params(),
        "namespace": Param("default", type="string"),
        "image": Param("train-model:1", type="string", description="Image with the programs in /app"),
        "query": Param("SELECT * FROM ml.customers", type="string", description="SQL that reads the data"),
        "bucket": Param("ml-prepared", type="string", description="Cloud Storage bucket for the prepared data"),
        "service_account": Param("default", type="string", description="Kubernetes account that may read the bucket"),
        "metrics_table": Param("ml.metrics", type="string", pattern=r"^[\w-]+(\.[\w-]+){1,2}$"),
    },
    doc_md="""
### Dataflow, a Job, BigQuery: the toolkit with Google's operators

1. **prepare** (Dataflow) reads a table and writes TFRecord files, with a
   [template of Google](https://docs.cloud.google.com/dataflow/docs/guides/templates/provided/bigquery-to-tfrecords).
2. **train** (Job) reads the files from a mounted bucket, and the Dataflow job's ID from XCom. It returns the metrics.
3. **load** (BigQuery) inserts them into `ml.metrics (run_id STRING, dataflow_job STRING, metrics JSON)`. They are
   parameters of the query, so that no text of a result becomes SQL.

The project is that of the connection `google_cloud_default`; its account needs roles for Dataflow and BigQuery.
With `default_deferrable` of the section `[operators]` no task holds a worker slot while it waits.
""",
)
def prepare_train_load() -> None:
    """Runs the three tasks one after the other."""
    folder = "{{ dag.dag_id }}/{{ run_id }}"
    prepare = DataflowTemplatedJobStartOperator(
        task_id="prepare",
        template=f"gs://dataflow-templates-{REGION}/latest/Cloud_BigQuery_to_GCS_TensorFlow_Records",
        location=REGION,
        parameters={"readQuery": "{{ params.query }}", "outputDirectory": "gs://{{ params.bucket }}/" + folder},
    )
    train = GkeJobOperator(
        task_id="train",
        template="batch-job",
        profile="cpu-large",
        cluster=GkeCluster.from_params(),
        namespace="{{ params.namespace }}",
        result_required=True,
        values={
            "image": "{{ params.image }}",
            "command": ["python3", "/app/train.py"],
            "env": {"DATA": "/data/" + folder, "DATAFLOW_JOB": prepare.output},
            "buckets": {"/data": "{{ params.bucket }}"},
            "service_account": "{{ params.service_account }}",
        },
    )
    metrics = "{{ ti.xcom_pull(task_ids='train') | tojson }}"
    texts = {"run_id": "{{ run_id }}", "dataflow_job": prepare.output, "metrics": metrics}
    kind = {"type": "STRING"}
    named = [{"name": name, "parameterType": kind, "parameterValue": {"value": text}} for name, text in texts.items()]
    query = {"query": INSERT, "useLegacySql": False, "parameterMode": "NAMED", "queryParameters": named}
    train >> BigQueryInsertJobOperator(task_id="load", location=REGION, configuration={"query": query})


prepare_train_load()
