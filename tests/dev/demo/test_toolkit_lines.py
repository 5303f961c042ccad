"""The lines of the output of `airflow dags test` that are shown."""

from __future__ import annotations

import json

from demo.toolkit_lines import PURPOSES, Output

OPERATOR = "2026-01-01T00:00:00Z <airflow.task.operators.gke_job.operator.GkeJobOperator> "
AIRFLOW = "2026-01-01T00:00:00Z <airflow.sdk.definitions.dag> "


def shown(output: Output, *lines: str) -> list[str]:
    return [text for line in lines for text in output.lines(line)]


def summary(**fields) -> str:
    found = {"task_id": "train", "try_number": "1", "profile": "small", "exit_code": 0, "pods": 1}
    return f"{OPERATOR}gke-job-summary: {json.dumps({**found, 'oom_kills': 0, 'preemptions': 0, **fields})}"


def test_lines_of_airflow_and_of_tracebacks_are_not_shown():
    output = Output()
    assert shown(output, f"{AIRFLOW}[DAG TEST] end task", "Traceback (most recent call last):", '  File "x"', "") == []


def test_messages_and_lines_of_pods_are_shown_without_folds_and_addresses():
    lines = [
        "::group::Command to repeat this run",
        "printf %s '{}' | scripts/run-job",
        "::endgroup::",
        "submit-job: created Job train default",
        "run-job: console: https://console.cloud.google.com",
        "run-job: logs: https://console.cloud.google.com",
        "abcde | <task> a < b",
        "null",
    ]
    found = shown(Output(), *(OPERATOR + line for line in lines))
    assert found == ["created Job train default", "abcde | <task> a < b"]


def test_a_line_does_not_repeat_the_heading():
    lines = [
        "follow-job: Pod showcase-sweep-ca40f650-2-w2j6x (index 2) has failed with exit code 137: OOMKilled",
        "follow-job: Pod showcase-train-86fd5869-hlxxg is removed",
        "submit-job: replacing Job showcase-train-86fd5869: it failed",
        "hlxxg | follow-job: is printed by a program",
    ]
    assert shown(Output(), *(OPERATOR + line for line in lines)) == [
        "Pod 2-w2j6x (index 2) has failed with exit code 137: OOMKilled",
        "Pod hlxxg is removed",
        "replacing Job train: it failed",
        "hlxxg | follow-job: is printed by a program",
    ]


def test_each_try_of_a_task_begins_with_its_purpose():
    output = Output()
    start = f"{AIRFLOW}[DAG TEST] starting task_id=train map_index=-1"
    found = shown(output, start, f"{OPERATOR}gke-job 0.1.0", start, f"{OPERATOR}gke-job v0_1_0_1f38")
    first, second = PURPOSES["train"]
    assert found == [f"\ntrain, try 1: {first}", f"\ntrain, try 2: {second}"]


def test_timelines_are_kept_for_the_end_each_with_its_task():
    output = Output()
    lines = ["timeline: failed after 2 s: Job train", "  time: running 2 s", "  abcde\u00a0\u00a0[==x] exit 1"]
    found = shown(
        output, summary(), *(OPERATOR + line for line in lines), f"{OPERATOR}follow-job: Job train is complete"
    )
    found += shown(output, f"{OPERATOR}  a diagnosis", summary(try_number="2"), f"{OPERATOR}timeline: succeeded")
    assert found == ["Job train is complete", "  a diagnosis"]
    assert output.endings() == (
        "train, try 1, profile small\ntimeline: failed after 2 s: Job train\n  time: running 2 s\n  abcde  [==x] exit 1"
        "\n\ntrain, try 2, profile small\ntimeline: succeeded"
    )


def test_events_that_the_demo_did_not_show_are_reported():
    output = Output()
    assert len(output.missing(with_spot=True)) == 4
    assert len(output.missing(with_spot=False)) == 3
    shown(
        output,
        summary(task_id="finetune", preemptions=1, pods=2),
        summary(oom_kills=1, exit_code=1),
        summary(profile="large"),
    )
    assert output.missing(with_spot=True) == ["a sweep of several Pods"]
    shown(output, summary(task_id="sweep", pods=6))
    assert output.missing(with_spot=True) == []


def test_a_failed_spot_job_does_not_count():
    output = Output()
    shown(output, summary(task_id="finetune", preemptions=1, exit_code=1))
    assert "a Pod that was preempted and another one that finished" in output.missing(with_spot=True)
