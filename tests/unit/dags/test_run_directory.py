"""The exception of a failed task, and when a task is skipped: case D4."""

from __future__ import annotations

import json

import pytest

from gke_job import GkeCluster, GkeJobOperator
from gke_job.compat import AirflowException, AirflowFailException, AirflowSkipException


class TaskInstance:
    map_index = -1
    try_number = 1
    max_tries = 0
    try_number = 1
    job_id = None


CONTEXT = {"ti": TaskInstance()}
LOGS = "https://console.cloud.google.com/logs/query;query=x?project=p"
CAUSE = "Pod train-abcde: container main: OOMKilled, exit code 137 (SIGKILL), memory limit 1Gi"
REPORT = {
    "job": "train ml 11111111-1111-1111-1111-111111111111",
    "logs": f"{LOGS}\n",
    "reason": "Job train failed: Job has reached the specified backoff limit\n",
    "failure.json": json.dumps({"cause": CAUSE, "advice": "raise the memory limit", "exit_codes": [137]}),
}


def failure(**arguments) -> AirflowException:
    operator = GkeJobOperator(task_id="t", template="batch-job", **arguments)
    with pytest.raises(AirflowException) as error:
        operator.execute(CONTEXT)
    return error.value


def test_d4_the_exception_has_the_reason_the_cause_the_advice_the_job_the_cluster_and_the_logs(run_job):
    run_job.behaves(status=1, report=REPORT)
    error = failure(cluster=GkeCluster(project="p", location="l", name="c"))
    assert str(error).splitlines() == [
        "Job train failed: Job has reached the specified backoff limit (exit code 1)",
        f"cause: {CAUSE}",
        "advice: raise the memory limit",
        "Job: train in namespace ml",
        "cluster: --project p --location l --cluster c",
        f"logs: {LOGS}",
    ]
    assert error.__suppress_context__
    assert error.__cause__ is None


def test_d4_where_no_retry_helps_the_exception_says_so(run_job):
    run_job.behaves(status=65, report={"reason": "no such value"})
    error = failure()
    assert isinstance(error, AirflowFailException)
    assert str(error) == "no such value (exit code 65; not retried)"


@pytest.mark.parametrize("left", [{}, {"failure.json": "{", "job": ""}, {"failure.json": "[" * 9, "reason": " "}])
def test_d4_a_script_that_leaves_nothing_whole_is_a_failure_all_the_same(run_job, left):
    run_job.behaves(status=1, report=left)
    assert str(failure()) == "the script reported no reason: see the log (exit code 1)"


def test_d4_hostile_texts_are_short_lines(run_job):
    hostile = "\x1b[2J::endgroup::\r\n\u202e" + "x" * 5000
    found = {"cause": hostile, "advice": hostile, "exit_codes": ["1", {}]}
    report = {"reason": hostile, "logs": LOGS, "failure.json": json.dumps(found)}
    run_job.behaves(status=1, report={**REPORT, **report})
    text = str(failure(skip_on_exit_code=1))
    assert len(text) <= 1000
    assert len(text.splitlines()) == 5
    assert all(line.isprintable() and "::" not in line for line in text.splitlines())


@pytest.mark.parametrize(
    ("given", "codes", "skipped"),
    [
        (42, [42], True),
        ([41, 42], [42, 41], True),
        (42, [42, 1], False),
        (42, [], False),
        (None, [42], False),
        ((), [42], False),
    ],
)
def test_the_exit_codes_of_the_container_decide_whether_the_task_is_skipped(run_job, given, codes, skipped):
    run_job.behaves(status=1, report={"failure.json": json.dumps({"advice": "", "exit_codes": codes})})
    error = failure(skip_on_exit_code=given)
    assert isinstance(error, AirflowSkipException) == skipped


@pytest.mark.parametrize("status", [64, 124])
def test_the_exit_code_of_run_job_does_not_skip_the_task(run_job, status):
    run_job.behaves(status=status, report=REPORT)
    assert not isinstance(failure(skip_on_exit_code=[137, 64, 124, 99]), AirflowSkipException)


def test_a_required_result_is_an_option_of_run_job(run_job):
    run_job.behaves(output="5")
    GkeJobOperator(task_id="t", template="batch-job", result_required=True).execute(CONTEXT)
    assert "--result-required" in run_job.calls[0]["arguments"]


def test_d4_the_exception_has_the_reason_and_advice_of_the_real_scripts(run, on_cluster, cluster):
    seen = []

    class Noting(GkeJobOperator):  # `dag.test()` of Airflow 3.1 does not pass the exception to callbacks
        def execute(self, context):
            try:
                return super().execute(context)
            except AirflowException as error:
                seen.append(str(error))
                raise

    assert run(lambda: Noting(**on_cluster("exit 127"), **cluster.by_gcloud())) == "failed"
    reason, cause, advice, its_job, *place = seen[0].splitlines()
    assert reason.endswith(": Job has reached the specified backoff limit (exit code 1)")
    assert cause.startswith("cause: Pod ")
    assert cause.endswith(": container main: exit code 127")
    assert advice.startswith("advice: ")
    assert its_job.startswith("Job: ")
    assert its_job.endswith(" in namespace default")
    if cluster.params:
        assert place[0].startswith("cluster: --project ")
        assert place[1].startswith("logs: https://console.cloud.google.com/logs/query")
    assert len(seen[0]) <= 1000


def test_a_task_is_skipped_for_an_exit_code_of_the_real_container(run, on_cluster, dag_id):
    skipped = []
    job = {
        "skip_on_exit_code": 42,
        "on_skipped_callback": lambda context: skipped.append(dag_id),
    }
    assert run(lambda: GkeJobOperator(**job, **on_cluster("exit 42"))) == "success"
    assert skipped == [dag_id]
