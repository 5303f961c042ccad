"""The examples of templates/README.md: as Airflow loads them, and run on the stand-in for GKE."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from example_rules import OF_GOOGLES_PROVIDER, check_example

OF_THEIR_FILES_NAME = [
    *("boost_by_size", "check_setup", "finetune_on_spot", "reap_jobs"),
    *("sweep", "train_model", "train_on_two_nodes"),
]
DAGS = [*OF_THEIR_FILES_NAME, "train_churn", "train_demand"]
FILES = sorted([*OF_THEIR_FILES_NAME, "nightly_models", *OF_GOOGLES_PROVIDER])


def kubectl(cluster, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["kubectl", *arguments], env=cluster.environment, input=stdin, capture_output=True, text=True, check=True
    )
    return done.stdout


def job_of(cluster, dag_id: str, task_id: str) -> dict[str, Any]:
    jobs = json.loads(kubectl(cluster, "get", "jobs", "--output", "json"))["items"]
    of_task = {"gke-job/dag-id": dag_id, "gke-job/task-id": task_id}
    (job,) = [job for job in jobs if of_task.items() <= job["metadata"]["annotations"].items()]
    return job


def test_all_examples_load_without_errors_except_those_whose_provider_is_missing(bag):
    errors = {Path(file).stem: error for file, error in bag.import_errors.items()}
    assert errors.keys() == OF_GOOGLES_PROVIDER
    for error in errors.values():
        assert "No module named 'airflow.providers.google'" in error
    assert sorted(bag.dags) == sorted(DAGS)


def test_airflow_parses_no_other_file_of_the_toolkit(bag):
    assert sorted(Path(stat.file).stem for stat in bag.dagbag_stats) == FILES


@pytest.mark.parametrize("file", FILES)
def test_airflow_does_not_ignore_an_example_in_safe_mode(deployed, file):
    text = (deployed / "gke_job_examples" / f"{file}.py").read_text().lower()
    assert "dag" in text
    assert "airflow" in text


@pytest.mark.parametrize("dag_id", DAGS)
def test_an_example_is_short_and_has_a_description(bag, dag_id):
    check_example(bag.dags[dag_id])


def test_boosting_runs_on_the_smallest_machine_that_holds_the_data(run_dag, cluster):
    log, results = run_dag("boost_by_size", rows=2000, rounds=3)
    assert "round 3/3" in log
    assert results["boost"]["rounds"] == 3
    assert job_of(cluster, "boost_by_size", "boost")["metadata"]["annotations"]["gke-job/profile"] == "cpu-small"


def test_fine_tuning_continues_from_its_checkpoint_after_a_preemption_which_is_not_a_failure(start_dag, cluster):
    run = start_dag("finetune_on_spot", steps=400)
    checkpoints = cluster.state / "buckets" / "ml-checkpoints"
    while not list(checkpoints.rglob("checkpoint.json")):
        assert run.is_running(), run.end()
        time.sleep(0.05)
    job = job_of(cluster, "finetune_on_spot", "finetune")["metadata"]["name"]
    (pod,) = json.loads(kubectl(cluster, "get", "pods", "--selector", f"job-name={job}", "--output", "json"))["items"]
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    path = f"/api/v1/namespaces/default/pods/{name}/eviction"
    kubectl(cluster, "create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction))

    log, results = run.end()
    resumed_from = results["finetune"]["resumed_from"]
    assert results["finetune"]["steps"] == 400
    assert 10 <= resumed_from < 400
    assert f"going on from the checkpoint of step {resumed_from}" in log
    status = job_of(cluster, "finetune_on_spot", "finetune")["status"]
    assert (status["succeeded"], status.get("failed", 0)) == (1, 0)


def test_a_sweep_tries_every_combination_and_takes_the_best(run_dag, cluster):
    _, results = run_dag("sweep", learning_rates=[0.0001, 0.1], epochs=[1, 2], at_once=3, rows=500)
    tries = [(item["learning_rate"], item["epochs"]) for item in results["try_all"]]
    assert tries == [(0.0001, 1), (0.0001, 2), (0.1, 1), (0.1, 2)]
    assert results["best"] == max(results["try_all"], key=lambda item: item["accuracy"])
    assert job_of(cluster, "sweep", "try_all")["spec"]["parallelism"] == 3


def test_two_nodes_train_one_model_together(run_dag, cluster):
    log, results = run_dag("train_on_two_nodes", rows=500)
    first, second = results["train"]
    assert (first["rank"], second["rank"]) == (0, 1)
    assert first["rows"] + second["rows"] == 400
    assert first["loss"] == second["loss"]
    assert "rank 1 of 2: all are there" in log
    job = job_of(cluster, "train_on_two_nodes", "train")["metadata"]
    owner = kubectl(cluster, "get", "service", job["name"], "--output", "jsonpath={.metadata.ownerReferences[*].uid}")
    assert owner == job["uid"]


def test_each_model_of_a_table_is_trained_by_its_own_dag(run_dag, cluster):
    _, results = run_dag("train_churn")
    assert results["evaluate"]["accuracy"] > 0.7
    annotations = job_of(cluster, "train_churn", "evaluate")["metadata"]["annotations"]
    assert annotations["gke-job/profile"] == "cpu-small"
    _, results = run_dag("train_demand", data="gs://ml-data/other")
    assert results["train"]["rounds"] == 2
    job = job_of(cluster, "train_demand", "train")
    assert job["metadata"]["annotations"]["gke-job/profile"] == "highmem"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert {"name": "DATA", "value": "gs://ml-data/other"} in container["env"]
