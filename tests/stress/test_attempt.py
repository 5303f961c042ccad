"""A stress run finds a violated expectation: the draws here are Jobs on the stand-in."""

from __future__ import annotations

import pytest

from stress.disturbing import Endpoint
from stress.drawing import Draw, Fault
from stress.outcomes import Outcome
from stress.stress import judge
from stress.watching import Namespace


def spec(command: str) -> dict:
    container = {"name": "main", "image": "busybox:1.37", "command": ["sh", "-c", command]}
    return {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}


@pytest.fixture
def wrong(cluster, tmp_path, monkeypatch):
    """Run a Job with an expected outcome; return what is wrong, or an empty string."""
    for name, value in cluster.env.items():
        monkeypatch.setenv(name, value)
    endpoint = Endpoint.start(tmp_path / "endpoint", cluster.state)
    number = 0

    def judged(outcome: Outcome, *faults: Fault) -> str:
        nonlocal number
        number += 1
        draw = Draw(number=number, outcome=outcome, form="run-job", on_kill="delete", faults=faults)
        return judge(draw, endpoint, namespace, tmp_path).wrong

    with Namespace("ml-jobs").watched() as namespace:
        yield judged
    endpoint.stop()


def test_a_met_expectation_is_not_wrong_and_violated_ones_are(wrong):
    command = "echo line 1; echo 7 >/dev/termination-log"
    assert wrong(Outcome(name="met", spec=spec(command), result="7", lines=1)) == ""
    assert wrong(Outcome(name="code", spec=spec(command), code=1)) == "try 1 ended with 0, not 1"
    assert wrong(Outcome(name="result", spec=spec(command), result="8")) == r"try 1 printed '7\n'"
    assert wrong(Outcome(name="lines", spec=spec(command), result="7", lines=2)) == "1 lines are missing"
    twice = spec(f"echo line 1; {command}")
    assert wrong(Outcome(name="lines", spec=twice, result="7", lines=1)).startswith("lines are repeated")


def test_a_job_that_is_lost_is_wrong(wrong):
    deleted = Fault(name="unexpected", moment="running", action="delete Job")
    assert wrong(Outcome(name="lost", spec=spec("sleep 60")), deleted) == "try 1 ended with 1, not 0"
