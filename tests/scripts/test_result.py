from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gke_jobs.results import ResultCutError, job_result, succeeded

PROGRAM = Path(__file__).parents[2] / "scripts" / "lib" / "result.py"


def pod(message: str | None = None, *, phase="Succeeded", end="12:00:00", index: int | None = None) -> dict:
    terminated = {"exitCode": 0, "finishedAt": f"2026-01-01T{end}Z"}
    if message is not None:
        terminated["message"] = message
    return {
        "metadata": {
            "name": "pod-1",
            "annotations": {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)},
        },
        "spec": {"containers": [{"name": "main"}, {"name": "side"}]},
        "status": {
            "phase": phase,
            "containerStatuses": [
                {"name": "side", "state": {"terminated": {"message": '"of the side container"'}}},
                {"name": "main", "state": {"terminated": terminated}},
            ],
        },
    }


def run(pods: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, PROGRAM, *options], input=pods, text=True, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("message", "result"),
    [
        ('{"auc": 0.9, "n": [1]}\n', {"auc": 0.9, "n": [1]}),
        ("0.9\n", 0.9),
        ("null", None),
        ('"text"', "text"),
        ("gs://bucket/model\n", "gs://bucket/model"),
        ("two\nlines\n", "two\nlines"),
        ('{"auc": NaN}', '{"auc": NaN}'),
        ("1e999", "1e999"),
        ("{broken", "{broken"),
        ("\n", None),
        ("", None),
        (None, None),
        (str(10**40), 10**40),
        ('{"a": 1, "a": 2}', {"a": 2}),
        (json.dumps(["x" * 4090]), ["x" * 4090]),
    ],
)
def test_a_message_that_is_json_is_the_result_and_other_text_is_a_string(message, result):
    assert job_result([pod(message)]) == result


def test_the_result_is_that_of_the_pod_that_succeeded_last():
    pods = [pod("1", end="12:00:01"), pod("2", end="12:00:02"), pod("3", end="12:00:03", phase="Failed"), pod("4")]
    assert job_result(succeeded(pods)) == 2


def test_without_a_pod_that_succeeded_the_result_is_null():
    assert job_result([]) is None
    assert succeeded([pod("1", phase="Running"), {}]) == []


def test_a_pod_whose_containers_are_forgotten_has_no_result():
    forgotten = pod("1")
    del forgotten["status"]["containerStatuses"]
    assert job_result([forgotten]) is None


def test_an_indexed_job_gives_a_list_in_the_order_of_the_indexes_with_null_for_holes():
    pods = [pod("c", index=2), pod("a", index=0), pod("no", index=1, phase="Failed"), pod("z", index=10)]
    assert job_result(succeeded(pods), 4) == ["a", None, "c", None]


def test_an_index_that_succeeded_twice_gives_its_last_result():
    assert job_result([pod("2", index=0, end="12:00:02"), pod("1", index=0, end="12:00:01")], 1) == [2]


def test_the_program_prints_one_line_of_compact_ascii():
    done = run(json.dumps({"items": [pod('{"a": "é\\n", "b":\n [1, 2]}')]}))
    assert (done.stdout, done.stderr, done.returncode) == ('{"a":"\\u00e9\\n","b":[1,2]}\n', "", 0)


def test_the_program_takes_the_number_of_completions():
    assert run(json.dumps({"items": [pod("5", index=1)]}), "--completions", "2").stdout == "[null,5]\n"


@pytest.mark.parametrize("message", ['["' + "x" * 4094, "x" * 4096, "é" * 2048, "x" * 4095 + "\n"])
def test_a_message_that_kubernetes_cut_is_an_error_and_no_result(message):
    done = run(json.dumps({"items": [pod(message)]}))
    assert done.stderr == (
        "result cut at 4096 bytes, Pod pod-1, write larger results to object storage and leave their URI\n"
    )
    assert (done.stdout, done.returncode) == ("", 65)


def test_a_text_shorter_than_the_limit_is_whole():
    assert job_result([pod("x" * 4095)]) == "x" * 4095


def test_containers_share_the_message_of_a_pod():
    crowded = pod("x" * 2048)
    crowded["spec"] = {"initContainers": [{"name": "init"}] * 4, "containers": [{"name": "main"}, {"name": "side"}]}
    with pytest.raises(ResultCutError, match="at 2048 bytes"):
        job_result([crowded])


def test_a_cut_message_that_is_not_the_result_does_no_harm():
    assert job_result([pod("x" * 4096, end="12:00:01"), pod("5", end="12:00:02")]) == 5


def test_pods_that_are_gone_are_said_and_the_rest_is_the_result():
    done = run(json.dumps({"items": [pod("5", index=1)]}), "--completions", "3", "--succeeded", "3")
    assert done.stdout == "[null,5,null]\n"
    assert done.stderr == "2 of 3 Pods that succeeded are gone, their results are missing\n"


@pytest.mark.parametrize("pods", ["", "{}", "[]", "no JSON"])
def test_input_that_is_no_list_of_pods_is_refused_in_one_line(pods):
    done = run(pods)
    assert done.returncode == 65
    assert done.stdout == ""
    assert done.stderr.startswith("no result, standard input is no list of Pods, ")
    assert done.stderr.count("\n") == 1
