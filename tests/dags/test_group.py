"""What gke_job_group makes; tests/live runs it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from gke_job import GkeCluster, gke_job_group

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG


@pytest.fixture
def group():
    with DAG("d", schedule=None):
        return gke_job_group(
            "g",
            template="batch-job",
            values={"image": "i"},
            profile="cpu-small",
            cluster=GkeCluster(context="c"),
            max_wait=timedelta(minutes=10),
            timeout=timedelta(hours=1),
            retries=3,
        )


def test_its_tasks_follow_each_other_and_the_last_is_a_teardown_of_the_first(group):
    tasks = [group.children[f"g.{name}"] for name in ("submit", "wait", "collect", "clean_up")]
    assert all(after.task_id in task.downstream_task_ids for task, after in pairwise(tasks))
    assert tasks[0].is_setup
    assert tasks[3].is_teardown


def test_its_output_is_what_collect_returns(group):
    assert group.output.operator is group.children["g.collect"]


def test_all_know_the_cluster_and_only_those_that_may_submit_know_the_values(group):
    for name in ("submit", "wait", "collect", "clean_up"):
        task = group.children[f"g.{name}"]
        assert task.cluster["context"] == "c"
        assert task.retries == 3
        assert (task.values == {"image": "i"}) == (name in ("submit", "wait"))


def test_waiting_holds_no_slot_and_is_exponential(group):
    wait = group.children["g.wait"]
    assert wait.reschedule
    assert wait.exponential_backoff
    assert wait.max_wait == timedelta(minutes=10)
    assert wait.timeout == 3600


def test_what_cannot_be_started_is_waited_for_as_long_as_by_the_operator_unless_told_otherwise(group):
    assert group.children["g.wait"].options["start_timeout"] == 300
    with DAG("told", schedule=None):
        told = gke_job_group("g", template="batch-job", start_timeout=5)
    assert told.children["g.wait"].options["start_timeout"] == 5


def test_only_the_tasks_that_submit_choose_a_profile():
    with DAG("chosen", schedule=None):
        chosen = gke_job_group("g", template="batch-job", profile="gpu-l4-spot", escalate=True, fallback=True)
    assert [chosen.children[f"g.{name}"].options["fallback"] for name in ("submit", "clean_up")] == [True, False]
