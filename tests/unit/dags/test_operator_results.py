"""GkeJobOperator: results, exit codes and retries, with a recorder in place of run-job."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from operator_calls import CONTEXT

from gke_job import GkeJobOperator
from gke_job.compat import AIRFLOW_2, AirflowException, AirflowFailException

try:
    from airflow.sdk import task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task


def test_the_next_task_gets_the_result(run, run_job, tmp_path):
    result = {"loss": 0.25, "uri": "gs://b/model", "list": [1, None]}
    run_job.behaves(output=f"a line\n{json.dumps(result)}\n")

    def build() -> None:
        @task
        def use(received: dict) -> None:
            (tmp_path / "received").write_text(json.dumps(received))

        use(GkeJobOperator(task_id="t", template="batch-job").output)

    assert run(build) == "success"
    assert json.loads((tmp_path / "received").read_text()) == result


def test_another_task_can_use_a_single_key_of_the_result(run, run_job):
    run_job.behaves(output='{"rows": 3}')

    def build() -> None:
        measure = GkeJobOperator(task_id="measure", template="batch-job")
        GkeJobOperator(task_id="use", template="batch-job", values={"rows": measure.output["rows"]})

    assert run(build) == "success"
    assert run_job.calls[1]["values"] == {"rows": 3}


NULL = '{{ ti.xcom_pull("measure")["n"] is none }}'


@pytest.mark.parametrize(("given", "state"), [(NULL, "success"), (None, "success" if AIRFLOW_2 else "failed")])
def test_a_null_of_the_result_is_read_from_the_return_value(run, run_job, given, state):
    run_job.behaves(output='{"n": null, "m": 1}')

    def build() -> None:
        measure = GkeJobOperator(task_id="measure", template="batch-job")
        n = given or measure.output["n"]
        GkeJobOperator(task_id="use", template="batch-job", values={"n": n, "m": measure.output["m"]})

    assert run(build) == state
    passed = {"n": "True" if given else None, "m": 1}
    assert [call["values"] for call in run_job.calls[1:]] == ([passed] if state == "success" else [])


def test_a_result_that_is_not_an_object_is_only_the_return_value(run, run_job):
    run_job.behaves(output="[1, 2]")

    def build() -> None:
        measure = GkeJobOperator(task_id="measure", template="batch-job")
        GkeJobOperator(task_id="use", template="batch-job", values={"all": measure.output})

    assert run(build) == "success"
    assert run_job.calls[1]["values"] == {"all": [1, 2]}


def test_an_integer_of_more_than_64_bits_is_text(run_job):
    run_job.behaves(output=f'{{"large": {2**64}, "small": 1}}')
    job = GkeJobOperator(task_id="t", template="batch-job", do_xcom_push=False)
    assert job.execute(CONTEXT) == {"large": "18446744073709551616", "small": 1}


def test_a_job_without_a_result_returns_none(run_job):
    run_job.behaves(output="null\n")
    assert GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT) is None


@pytest.mark.parametrize(
    ("status", "helps"), [(1, True), (69, True), (124, True), (143, True), *((s, False) for s in (64, 65, 66, 77, 78))]
)
def test_the_exit_code_decides_whether_airflow_retries(run_job, status, helps):
    run_job.behaves(output="", status=status)
    with pytest.raises(AirflowException, match=f"exit code {status}") as error:
        GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT)
    assert isinstance(error.value, AirflowFailException) != helps


@pytest.mark.parametrize(("status", "tries"), [(1, ["1", "2"]), (78, ["1"])])
def test_airflow_retries_only_if_a_retry_may_help(run, run_job, status, tries):
    run_job.behaves(output="", status=status)
    task = {"task_id": "t", "template": "batch-job", "retries": 1, "retry_delay": timedelta(0)}
    assert run(lambda: GkeJobOperator(**task)) == "failed"
    assert [call["environment"]["AIRFLOW_CTX_TRY_NUMBER"] for call in run_job.calls] == tries


def test_the_traceback_of_a_failed_task_ends_at_the_operator(run_job):
    run_job.behaves(status=1)
    with pytest.raises(AirflowException) as error:
        GkeJobOperator(task_id="t", template="batch-job").execute(CONTEXT)
    assert [entry.name for entry in error.traceback][-1] == "execute"
