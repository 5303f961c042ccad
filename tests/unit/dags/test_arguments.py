"""Invalid arguments are refused when the DAG is parsed or when they are rendered."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from gke_job import GkeJobOperator


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"on_kill_action": "kep"}, r"^on_kill_action is 'kep': it must be one of auto, delete, keep$"),
        ({"logs": "some"}, r"^logs is 'some': it must be one of all, failed, none$"),
        ({"on_change": "ignore"}, r"^on_change is 'ignore': it must be one of fail, attach, replace$"),
        ({"validate": "yes"}, r"^validate is 'yes': it must be one of offline, server, off$"),
        ({"values": [1]}, r"^values is of type list: give a dict$"),
        ({"map_values": [1]}, r"^map_values is of type list: give a dict$"),
        ({"template": None, "manifest": {}, "map_values": {"a": 1}}, r"^manifest takes no values"),
        ({"values": "{}"}, r"^values is of type str: give a dict$"),
        ({"skip_on_exit_code": "42"}, r"^skip_on_exit_code is '42': give an integer from 1 to 255, or a list of them$"),
        ({"skip_on_exit_code": ["9"]}, r"^skip_on_exit_code has '9': an exit code is an integer from 1 to 255$"),
        ({"skip_on_exit_code": True}, r"^skip_on_exit_code has True: "),
        ({"skip_on_exit_code": [300]}, r"^skip_on_exit_code has 300: "),
        ({"cluster": "ml"}, r"^cluster is 'ml': give a GkeCluster, e.g. "),
        ({"template": None}, r"^give either template, the name of one, or manifest"),
        ({"manifest": {"kind": "Job"}}, r"^give either template, the name of one, or manifest"),
        ({"template": None, "manifest": {}, "values": {"a": 1}}, r"^manifest takes no values"),
        ({"template": None, "manifest": {}, "profile": "cpu-small"}, r"^manifest takes no profile"),
        (
            {"values": {"a": [{"b": math.nan}]}},
            r"^values\['a'\]\[0\]\['b'\] is nan, a number that JSON does not " r"support",
        ),
        (
            {"template": None, "manifest": [{"a": math.inf}]},
            r"^manifest\[0\]\['a'\] is inf, a number that JSON does not " r"support",
        ),
        ({"timeout": "1h"}, r"^timeout is '1h': give seconds from 1 to 999999999, or a timedelta$"),
        ({"timeout": 0}, "^timeout is 0: "),
        ({"schedule_timeout": -1}, "^schedule_timeout is -1: "),
        ({"start_timeout": timedelta(milliseconds=500)}, "^start_timeout is datetime.timedelta"),
        ({"unreachable_timeout": True}, "^unreachable_timeout is True: "),
        ({"heartbeat": math.nan}, "^heartbeat is nan: "),
        ({"logging_interval": "5m"}, "^logging_interval is '5m': give seconds"),
        ({"logging_interval": 0}, "^logging_interval is 0: give seconds"),
        ({"wait_for_completion": False, "result_required": True}, "^result_required has no effect"),
        ({"wait_for_completion": False, "skip_on_exit_code": 3}, "^skip_on_exit_code has no effect"),
        ({"wait_for_completion": False, "report": "/tmp/r.html"}, "^report has no effect"),
        ({"wait_for_completion": False, "do_xcom_push": False}, "needs do_xcom_push=True"),
        ({"max_log_streams": 0}, "^max_log_streams is 0: give an integer of at least 1$"),
        ({"profile": "gpu-l4", "profile_for": {"bytes": 1}}, "^profile and profile_for both choose a profile"),
        ({"profile_for": "bytes=1"}, "^profile_for is 'bytes=1': give a dict with one size"),
        ({"profile_for": {"bytes": 1, "rows": 2}}, "^profile_for is .*: give a dict with one size"),
        ({"escalate": True}, "^escalate requires a profile"),
        ({"fallback": "yes"}, "^fallback is 'yes': give True or False$"),
        ({"result_required": "no"}, "^result_required is 'no': give True or False$"),
        ({"multiple_outputs": None}, "^multiple_outputs is None: give True or False$"),
        (
            {"env": {"A": "1"}},
            r"^env replaces the environment of run-job .*: for the container write values\['env'\], for ",
        ),
        ({"default_args": {"env": {"A": "1"}}}, "^env replaces the environment of run-job"),
        ({"image": "x"}, r"^GkeJobOperator got unknown arguments: image: write values\['image'\]$"),
        ({"env_vars": {}, "args": []}, r"env_vars: write values\['env'\]; args: write values\['args'\]$"),
        ({"cmds": ["a"], "project_id": "p"}, r"cmds: write values\['command'\]; project_id: write cluster=GkeCluster"),
        ({"nonsense": 1}, "nonsense: remove it$"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        GkeJobOperator(**{"task_id": "t", "template": "batch-job", **given})


def test_arguments_that_airflow_renders_are_checked_when_they_are_rendered(run_job):
    rendered = {"profile": "{{ params.profile }}", "profile_for": "{{ params.size }}"}
    operator = GkeJobOperator(task_id="t", template="batch-job", **rendered)
    operator.profile, operator.profile_for = "", "bytes=1"  # as Airflow renders them
    with pytest.raises(TypeError, match=r"^profile_for is 'bytes=1': give a dict"):
        operator.execute({"ti": None})
