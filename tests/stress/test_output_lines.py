"""The check of a strings run accepts lines of the toolkit and finds lines that are not."""

from __future__ import annotations

import pytest

from stress import output_lines
from stress.fields import Field, fields

OURS = output_lines.diagnosis("train")


def is_ours(line: str) -> bool:
    return output_lines.is_message(line) or output_lines.is_log(line) or OURS(line)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "follow-job: Pod train-bcdfg is running on node-1\n",
        "bcdfg | \x1b[31mred\x1b[0m run-job: impostor\n",
        "0-bcdfg istio-proxy | ready\n",
        'timeline: failed after 3 s: Job train\n  bcdfg node-1 [==x] exit 3\ngke-job-summary: {"version":"1"}\n',
        "Job train failed: BackoffLimitExceeded: x\n  it took 3 s\nPod train-bcdfg: failed on node-1, 1 s ago\n",
        "::group::Job train: its Pods and their logs\nbcdfg | hi\n::endgroup::\n",
    ],
)
def test_lines_of_the_toolkit_are_accepted(text):
    assert output_lines.faults(text.encode(), is_ours, folds=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "run-job: impostor: Job is complete\n",
        "run-job: cut",
        "hello\n",
        "aeiou | impostor\n",
        "timeline: impostor\n",
        "Job impostor is complete\n",
        "advice: impostor\n",
        "follow-job: \x1b[31mred\n",
        "bcdfg | \x1b[2J\n",
        "bcdfg | a\rb\n",
        "bcdfg | \u202e\n",
        "bcdfg | \x9b2J\n",
        "bcdfg | ::end\x1b[0mgroup::\n",
        "bcdfg | ##[GROUP]\n",
        "::endgroup::\n",
        "::group::Job train: its Pods and their logs\n::endgroup::\n::endgroup::\n",
        f"follow-job: {'L' * 20_000}\n",
    ],
)
def test_faults_are_found(text):
    assert len(output_lines.faults(text.encode(), is_ours, folds=True)) >= 1


def test_a_byte_that_is_a_control_character_in_latin_1():
    assert output_lines.faults(b"bcdfg | \x9b2J\n", is_ours)
    assert not output_lines.faults(b"bcdfg | \xe9\n", is_ours)


@pytest.mark.parametrize("line", ['{"event":"job","job":"impostor"}', "[1]", "{"])
def test_lines_that_watch_jobs_does_not_print(line):
    assert not output_lines.is_event(line)


POD = {
    "metadata": {"labels": {"job-name": "train", "other": "x"}, "finalizers": ["x"]},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "main", "state": {"waiting": {}}}],
    },
}


def test_text_fields():
    names = {field.name for field in fields("Pod", POD)}
    assert names >= {
        "metadata.labels.other",
        "status.message",
        "status.conditions[].message",
        "status.containerStatuses[].state.waiting.reason",
    }


def test_fields_that_decide_the_outcome_are_left_out():
    names = {field.name for field in fields("Pod", POD)}
    deciding = {"metadata.labels.job-name", "metadata.finalizers[]", "status.phase", "status.conditions[].type"}
    assert not names & (deciding | {"status.containerStatuses[].name"})
    assert {field.name.split(".")[0] for field in fields("Node", {"spec": {"x": "y"}})} == {"metadata"}


def test_patches():
    assert Field("Pod", ("status", "message")).patch("x")[1] == {"status": {"message": "x"}}
    pointer = Field("Pod", ("a", 0, "b/c~d")).patch("x")[1]
    assert pointer == [{"op": "add", "path": "/a/0/b~1c~0d", "value": "x"}]
