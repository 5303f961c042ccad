"""The command in the log that repeats a run from a shell."""

from __future__ import annotations

import json
import logging
import subprocess

import pytest

from gke_job import GkeJobOperator, paths
from gke_job.repeat import log_repeat_command, repeat_command

CLUSTER = ["--project", "p", "--location", "l", "--cluster", "c"]


@pytest.fixture
def scripts(run_job):
    return None


def test_the_command_has_the_options_of_the_task_except_those_for_airflow(scripts):
    options = {"template": "batch-job", "profile": "gpu l4", "fallback": True, "mark": "later", "on_kill": "delete"}
    options["report"] = "gs://reports/train.html"
    line = repeat_command(CLUSTER, {"values": {"image": "it's"}}, options)
    pipe, command = line.split(" | ")
    assert command == (
        "scripts/run-job --project p --location l --cluster c --template batch-job --profile 'gpu l4' --fallback"
        " --values -"
    )
    output = subprocess.run(["bash", "-c", pipe], check=True, capture_output=True, text=True).stdout
    assert json.loads(output) == {"image": "it's"}


def test_the_value_of_a_sensitive_name_is_masked(scripts):
    line = repeat_command([], {"values": {"env": {"DB_PASSWORD": "hunter4"}}}, {"template": "t"})
    assert "hunter4" not in line
    assert "***" in line


def test_a_value_cannot_open_a_log_group_and_is_passed_unchanged(scripts):
    values = {"args": ["::group::x", "##[group]y", "a:::b"]}
    line = repeat_command([], {"values": values}, {"template": "t"})
    assert "::" not in line
    assert "##[" not in line
    output = subprocess.run(["bash", "-c", line.split(" | ")[0]], check=True, capture_output=True, text=True).stdout
    assert json.loads(output) == values


def test_letters_of_any_language_are_readable_and_other_characters_are_escaped(scripts):
    values = {"言語": "日本語", "odd": "\u2028\u202e\x7f\ud800"}
    line = repeat_command([], {"values": values}, {"template": "t"})
    assert '"言語":"日本語"' in line
    assert line.isprintable()
    output = subprocess.run(["bash", "-c", line.split(" | ")[0]], check=True, capture_output=True, text=True).stdout
    assert json.loads(output) == values


def test_large_values_are_not_in_the_command(scripts):
    line = repeat_command([], {"values": {"text": "x" * 5000}}, {"template": "t"})
    assert line == (
        "scripts/run-job --template t --values values.json"
        "  # put the field 'values' of the rendered template into values.json"
    )


def test_a_manifest_is_written_to_a_file_first(scripts):
    line = repeat_command([], {"values": {}, "template": {"kind": "Job"}}, {"template": None, "namespace": "ml"})
    assert line == 'printf %s \'{"kind":"Job"}\' >job.json; scripts/run-job --template ./job.json --namespace ml'


def test_the_command_in_the_log_runs_the_same_job_again(run, on_cluster, cluster, tmp_path, caplog, capfd):
    job = on_cluster('echo "\\"$WORD\\"" > /dev/termination-log')
    job["values"]["env"] = {"WORD": "{{ task.task_id }}-word"}
    assert run(lambda: GkeJobOperator(**job)) == "success"
    log = caplog.text + capfd.readouterr().out
    (line,) = {line[line.index("printf %s ") :] for line in log.splitlines() if "| scripts/run-job" in line}
    line = line.split("   [airflow")[0].split(" [airflow.task")[0]  # Airflow 3 logs its logger behind the message
    checkout = paths.script("run-job").parent.parent
    done = subprocess.run(
        ["bash", "-c", line], cwd=checkout, env=cluster.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == "t-word"


@pytest.mark.parametrize(
    ("values", "waits", "notes"),
    [
        ({"env": {"ROWS": 5}}, True, []),
        ({"env": {"DB_PASSWORD": "hunter4"}}, True, ["First replace each ***"]),
        ({"env": {"ROWS": 5}}, False, ["waits for its Job; this task does not"]),
    ],
)
def test_the_log_notes_differences_between_the_command_and_the_task(caplog, values, waits, notes):
    log = logging.getLogger("repeat")
    caplog.set_level(logging.INFO)
    log_repeat_command(log, [], {"values": values}, {"template": "t"}, waits=waits)
    logged = [record.getMessage() for record in caplog.records[2:-1]]
    assert len(logged) == len(notes)
    assert all(note in line for note, line in zip(notes, logged, strict=True))
