"""The arguments of the trigger, and the options of run-job when the task is resumed."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta

import pytest

from gke_job.deferral import Deferral, seconds

LIMITS = {
    "timeout": 100.0,
    "schedule_timeout": 10.0,
    "start_timeout": 300.0,
    "unreachable_timeout": 600.0,
    "logging_interval": 60.0,
}


def deferral(**fields):
    given = {
        "job": {"name": "train", "namespace": "ml", "uid": "u-1", "cluster": {"context": "c"}},
        "airflow_environment": "p/r/n",
        "submitted_at": 1000.0,
        "execution_timeout_at": None,
        "limits": LIMITS,
        "deletes": True,
    }
    return Deferral(**{**given, **fields})


def test_the_trigger_waits_for_the_job_with_the_limits_of_the_task():
    _, given = deferral(since={"lacks_nodes": 1001.0, "cannot_start": None}).trigger().serialize()
    assert given == {
        "cluster": {"context": "c"},
        "namespace": "ml",
        "job": "train",
        "uid": "u-1",
        "airflow_environment": "p/r/n",
        "limits": {
            "timeout_at": 1100.0,
            "schedule_timeout": 10.0,
            "start_timeout": 300.0,
            "unreachable_timeout": 600.0,
            "logging_interval": 60.0,
        },
        "since": {"lacks_nodes": 1001.0, "cannot_start": None},
        "deletes": True,
        "deferral": asdict(deferral(since={"lacks_nodes": 1001.0, "cannot_start": None})),
    }


@pytest.mark.parametrize(
    ("timeout", "execution_timeout_at", "at"),
    [
        (None, None, None),
        (100.0, None, 1100.0),
        (None, 1050.0, 1050.0),
        (100.0, 1050.0, 1050.0),
        (10.0, 1050.0, 1010.0),
    ],
)
def test_the_earlier_of_timeout_and_execution_timeout_ends_the_wait(timeout, execution_timeout_at, at):
    wait = deferral(limits={**LIMITS, "timeout": timeout}, execution_timeout_at=execution_timeout_at)
    assert wait.trigger().limits["timeout_at"] == at


def test_a_check_gets_the_duration_of_the_wait_rounded_up():
    since = {"lacks_nodes": 1010.5, "cannot_start": None}
    event = {"reason": "logs", "message": "", "since": since, "deferral": asdict(deferral())}
    assert Deferral.from_event(event).options(1020.25) == {
        "job": "train",
        "namespace": "ml",
        "uid": "u-1",
        "waited": 21,
        "waited_for_nodes": 10,
        "waited_to_start": None,
    }


def test_a_clock_that_was_set_back_does_not_count():
    assert deferral().options(999.0)["waited"] == 0


@pytest.mark.parametrize(("now", "timeout"), [(1049.9, None), (1050.0, 1)])
def test_a_check_after_execution_timeout_ends_the_job(now, timeout):
    assert deferral(execution_timeout_at=1050.0).options(now).get("timeout") == timeout


def test_the_next_check_gets_the_state_of_the_last_one():
    wait = deferral().after_check({"logs": {}}, {**LIMITS, "timeout": 200.0})
    assert Deferral.from_event({"since": {}, "deferral": wait.trigger().serialize()[1]["deferral"]}) == wait
    assert wait.trigger().limits["timeout_at"] == 1200.0  # the current limit of the DAG


def test_postgresql_can_store_the_output_of_a_container():
    kept = json.dumps(asdict(deferral().after_check({"results": [{"message": "a\0b \ud800"}]}, LIMITS)))
    assert "\\\\u0000" in kept
    assert "\\u0000" not in kept.replace("\\\\u0000", "")
    assert json.loads(json.loads(kept)["check_state"])["results"][0]["message"] == "a\0b \ud800"


@pytest.mark.parametrize(("time", "found"), [(None, None), (2.5, 2.5), (timedelta(minutes=1), 60.0)])
def test_a_time_is_seconds_or_a_timedelta(time, found):
    assert seconds(time) == found
