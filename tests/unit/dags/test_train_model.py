"""The example DAG: as Airflow loads it, and run on the stand-in for GKE."""

from __future__ import annotations

import pytest


def test_each_task_depends_on_the_tasks_whose_results_it_uses(bag):
    upstream = {task.task_id: task.upstream_task_ids for task in bag.dags["train_model"].tasks}
    assert upstream == {
        "measure": set(),
        "choose_profile": {"measure"},
        "train": {"choose_profile"},
        "evaluate": {"train"},
        "report": {"measure", "choose_profile", "train", "evaluate"},
    }


@pytest.mark.parametrize(
    ("size", "profile"),
    [(0, "cpu-small"), (10**6, "cpu-small"), (10**6 + 1, "cpu-large"), (10**9, "cpu-large"), (10**9 + 1, "highmem")],
)
def test_the_profile_grows_with_the_data(bag, size, profile):
    choose = bag.dags["train_model"].get_task("choose_profile").python_callable
    assert choose(size) == profile


def test_the_jobs_run_from_a_deployed_folder_and_the_report_has_their_results(run_dag):
    log, results = run_dag("train_model", epochs=3)
    assert "epoch 3/3  loss 0.3" in log
    report = results["report"]
    assert report["rows"] == 20_000
    assert report["profile"] == "cpu-large"
    assert report["accuracy"] > 0.8
