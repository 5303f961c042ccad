"""The result of a task, also when something fails after the Job: cases S2 and D6."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from gke_job import GkeJobOperator, results
from gke_job.results import is_plain
from gke_jobs import storable

try:
    from airflow.sdk import task
    from airflow.sdk.execution_time.xcom import XCom
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.xcom import XCom


@pytest.fixture
def pushed(monkeypatch) -> list[str]:
    """The keys of the XComs that are stored."""
    keys: list[str] = []
    store = XCom.set

    def note(*args, **kwargs):
        keys.append(kwargs.get("key") or args[0])
        return store(*args, **kwargs)

    monkeypatch.setattr(XCom, "set", note)
    return keys


@pytest.fixture
def fails_once(monkeypatch):
    """Makes the XCom backend fail the first time that this key is stored."""

    def fails_once(key: str) -> list[str]:
        failed: list[str] = []
        store = XCom.set

        def fail(*args, **kwargs):
            if not failed and (kwargs.get("key") or args[0]) == key:
                failed.append(key)
                raise RuntimeError("the XCom backend does not answer")
            return store(*args, **kwargs)

        monkeypatch.setattr(XCom, "set", fail)
        return failed

    return fails_once


@pytest.mark.parametrize(
    ("key", "plain"),
    [("loss", True), ("val.loss-2_a", True), ("7", True), ("k" * 250, True), ("k" * 251, False), ("", False)]
    + [(key, False) for key in ("x?y", "a#b", "a/b", "..", ".", "a b", "a\n", "\u00e9", "%2e", "return_value")]
    + [("job", False), ("_link_JobLink", False)],
)
def test_which_keys_can_be_xcoms(key, plain):
    assert is_plain(key) == plain


HOSTILE = {
    "loss": 0.25,
    "精度": 0.9,
    "../../../other_dag/RUN/task/return_value": {"pwned": 1},
    "x?y": 1,
    "": 2,
    "k" * 600: 3,
    "a\x1b[31m::endgroup::": 4,
    "return_value": 5,
}


def test_s2_only_plain_keys_become_xcoms_and_the_whole_result_is_the_return_value(
    run, run_job, pushed, tmp_path, caplog, capfd
):
    run_job.behaves(output=json.dumps(HOSTILE))

    def build() -> None:
        @task(do_xcom_push=False)
        def use(received: dict) -> None:
            (tmp_path / "received").write_text(json.dumps(received))

        use(GkeJobOperator(task_id="t", template="batch-job").output)

    assert run(build) == "success"
    assert sorted(set(pushed)) == ["loss", "return_value"]
    assert json.loads((tmp_path / "received").read_text()) == HOSTILE
    log = caplog.text + capfd.readouterr().out
    (line,) = {
        line[line.index("in return_value only") :] for line in log.splitlines() if "in return_value only" in line
    }
    assert "'x?y'" in line
    assert "'精度'" in line
    assert " and 2 more" in line
    assert "::" not in line
    assert len(line) < 400


@pytest.mark.parametrize("given", [{"multiple_outputs": False}, {"default_args": {"multiple_outputs": False}}])
def test_without_multiple_outputs_the_return_value_is_the_only_xcom(run, run_job, pushed, given):
    run_job.behaves(output='{"loss": 1}')
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", **given)) == "success"
    assert pushed == ["return_value"]


@pytest.mark.parametrize("given", [{"do_xcom_push": False}, {"default_args": {"do_xcom_push": False}}])
def test_d3_without_do_xcom_push_nothing_is_stored_and_nothing_fails(run, run_job, pushed, given):
    run_job.behaves(output='{"loss": 1, "x?y": 2}')
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", **given)) == "success"
    assert pushed == []


@pytest.mark.parametrize(
    ("digits", "found"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", "18446744073709551616"),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", "-9223372036854775809"),
        ("1" * 5000, "1" * 5000),
    ],
)
def test_an_integer_that_airflow_cannot_store_becomes_a_string(digits, found):
    assert results.integer(digits) == found


@pytest.mark.parametrize("step", ["loss", "return_value", "post_execute"])
def test_d6_a_failure_after_the_job_is_retried_with_the_same_job(
    run, on_cluster, cluster, fails_once, dag_id, tmp_path, step, capfd, caplog
):
    failed = fails_once(step)

    def post_execute(context, result=None) -> None:
        if step == "post_execute" and not failed:
            failed.append(step)
            raise RuntimeError("what the team added does not work")

    def build() -> None:
        @task
        def use(received: dict) -> None:
            (tmp_path / "received").write_text(json.dumps(received))

        command = 'echo "{\\"loss\\": 0.5, \\"pod\\": \\"$HOSTNAME\\"}" > /dev/termination-log'
        where = cluster.by_gcloud() if step == "loss" else {}
        job = GkeJobOperator(retries=1, post_execute=post_execute, **on_cluster(command), **where)
        use(job.output)

    assert run(build) == "success"
    assert failed == [step]
    (job,) = cluster.jobs_of(dag_id)
    assert job["metadata"]["annotations"]["gke-job/try-number"] == "1"
    assert job["metadata"]["annotations"]["gke-job/collected"]
    assert json.loads((tmp_path / "received").read_text())["loss"] == 0.5
    log = caplog.text + capfd.readouterr().out
    assert log.count("created Job ") == 1
    assert "complete and its result was not collected" in log


COLLECT_JOB = """
echo "$* $KUBECONFIG" >>"{marked}"
exit 69
"""


@pytest.fixture
def marked(run_job, tmp_path):
    """The calls of collect-job, each with its KUBECONFIG; it fails, as on a cluster that does not answer."""
    file = tmp_path / "marked"
    (tmp_path / "scripts" / "collect-job").write_text(COLLECT_JOB.format(marked=file))
    run_job.behaves(output='{"loss": 1}', report={"job": "train ml uid", "kubeconfig": ""})
    return lambda: file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("several", [True, False])
def test_d6_a_failed_mark_does_not_fail_the_task_and_other_success_callbacks_run(run, marked, several):
    called = []
    callbacks = [called.append, called.append] if several else called.append

    def build() -> None:
        common = GkeJobOperator.partial(task_id="t", template="batch-job", on_success_callback=callbacks)
        common.expand(values=[{"seed": 1}, {"seed": 2}])

    assert run(build) == "success"
    assert len(called) == (4 if several else 2)
    options, directories = zip(*(line.rsplit(" ", 1) for line in marked()), strict=True)
    assert options == ("--mark only --job train --namespace ml --unreachable-timeout 5",) * 2
    assert not any(Path(directory).parent.exists() for directory in directories)


def test_d6_a_failed_task_does_not_mark_its_job(run, run_job, marked):
    run_job.behaves(status=1, report={"job": "train ml uid"})
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == "failed"
    assert marked() == []


def test_d6_a_mark_that_takes_too_long_is_ended(run, marked, tmp_path, monkeypatch, caplog, capfd):
    monkeypatch.setattr(results, "MARK_SECONDS", 0.1)
    (tmp_path / "scripts" / "collect-job").write_text("exec sleep 60")
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == "success"
    log = caplog.text + capfd.readouterr().out
    assert "cannot mark Job train as collected, so the next run of its task will collect this result again" in log


def test_the_keys_that_are_refused_are_those_of_airflows_serializer():
    try:
        from airflow.sdk import serde
    except ImportError:  # Airflow 3.1 and before
        from airflow.serialization import serde
    assert (serde.CLASSNAME, serde.SCHEMA_ID) == storable.RESERVED
    assert {serde.OLD_TYPE, serde.OLD_DATA} == storable.OLD_FORM


@pytest.mark.parametrize(("status", "state"), [(0, "success"), (1, "failed")])
def test_the_durations_of_any_job_are_the_xcom_timing(run, run_job, monkeypatch, status, state):
    stored = {}
    monkeypatch.setattr(results, "push_timing", lambda summary, context, log: stored.update(summary))
    summary = {"seconds": 3.0, "phases": {"running": 3.0}, "job": "train"}
    run_job.behaves(output="1", status=status, report={"summary.json": json.dumps(summary)})
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job")) == state
    assert stored == summary


def test_timing_has_the_numbers_of_the_summary_and_a_failing_backend_is_only_a_warning(caplog):
    pushed = {}

    class Instance:
        def xcom_push(self, key, value):
            pushed[key] = value
            raise RuntimeError("the XCom backend does not answer")

    results.push_timing({"seconds": 3.0, "job": "train"}, {"ti": Instance()}, logging.getLogger("task"))
    assert pushed == {"timing": {"seconds": 3.0}}
    assert "cannot store the XCom timing: RuntimeError" in caplog.text
