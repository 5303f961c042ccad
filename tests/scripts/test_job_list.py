"""The commands behind list-jobs and reap-jobs."""

import json
import sys
from datetime import datetime, timezone

import pytest
from fake_connection import error
from hypothesis import given
from hypothesis import strategies as st
from test_plain_text import JSON, MARK, UNSAFE

from gke_jobs import job_list, job_names
from gke_jobs.job_list import describe, state, table

JOBS = "/apis/batch/v1/namespaces/ml/jobs"
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def job(name="train", *, conditions=(), created="2026-01-01T00:00:00Z", status=None, **annotations):
    given = {f"gke-job/{key.replace('_', '-')}": value for key, value in annotations.items()}
    metadata = {"name": name, "namespace": "ml", "uid": f"uid-{name}", "creationTimestamp": created}
    met = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": metadata | {"annotations": given}, "status": (status or {}) | {"conditions": met}}


OURS = {"airflow_environment": "composer", "dag_id": "churn", "task_id": "fit", "run_id": "r1", "map_index": "-1"}


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (job(conditions=["Complete"]), "Complete"),
        (job(conditions=["Failed", "FailureTarget"]), "Failed"),
        (job(conditions=["Suspended"]), "Suspended"),
        (job(status={"ready": 1}), "Running"),
        (job(status={"ready": 0}), "Pending"),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, "Deleting"),
        ({}, "Pending"),
        (None, "Pending"),
    ],
)
def test_the_state_of_a_job(found, word):
    assert state(found) == word


@pytest.mark.parametrize(
    ("annotations", "task"),
    [
        (OURS, "composer: churn fit r1"),
        (OURS | {"map_index": "3"}, "composer: churn fit[3] r1"),
        (OURS | {"map_index": "zero\n\x1b[2J"}, "composer: churn fit[zero \\x1b[2J] r1"),
        ({key: OURS[key] for key in ("dag_id", "task_id")}, ": churn fit"),
        ({}, "by hand"),
        ({"dag_id": 7}, "by hand"),
    ],
)
def test_s6_the_task_of_a_job_may_be_odd(annotations, task):
    row = table([describe(job(**annotations), NOW)]).splitlines()[1]
    assert row.split("  ")[-1].strip().removeprefix("1 d 0 h").strip() == task


def test_the_list_is_a_table_or_json_oldest_first(run_command):
    answers = {JOBS: {"items": [job("b", created="2026-01-01T00:00:01Z", **OURS), {}, None, job("a", **OURS)]}}
    code, out, err = run_command(job_list, answers, "--namespace", "ml")
    assert (code, err) == (0, "")
    assert [line.split(" ")[0] for line in out.splitlines()] == ["JOB", "", "", "a", "b"]
    code, out, err = run_command(job_list, answers, "--namespace", "ml", "--json")
    assert [found["job"] for found in json.loads(out)] == ["", "", "a", "b"]
    assert json.loads(out)[2].items() >= {"dag_id": "churn", "map_index": "-1", "state": "Pending"}.items()


def test_a_list_of_several_pages(run_command):
    def pages(query):
        last = query.get("continue") == "token"
        return {"items": [job("b" if last else "a")], "metadata": {"continue": "" if last else "token"}}

    assert [line.split()[0] for line in run_command(job_list, {JOBS: pages}, "--namespace", "ml")[1].splitlines()] == [
        *("JOB", "a", "b")
    ]


def test_a_list_that_cannot_be_had(run_command):
    assert run_command(job_list, {JOBS: error(403, "no Role")}, "--namespace", "ml") == (
        *(77, "", "gke-job: cannot list the Jobs: no Role: ask for a Role\n"),
    )


@given(st.lists(JSON, max_size=4), JSON)
def test_no_job_is_too_odd_for_the_list(values, key):
    found = [job(**dict.fromkeys(OURS, value)) for value in values]
    found += [{"metadata": value, "status": value} for value in values] + [{"metadata": {"annotations": key}}, key]
    text = table(describe(one, NOW) for one in found)
    assert len(text.splitlines()) == len(found) + 1
    assert not UNSAFE.search(text.replace("\n", ""))
    assert not MARK.search(text)


def names(monkeypatch, capsys, tmp_path, content):
    (tmp_path / "jobs").write_text(content)
    monkeypatch.setattr(sys, "argv", ["command.py", str(tmp_path / "jobs")])
    return job_names.main(), capsys.readouterr().out


def test_the_names_in_a_list(monkeypatch, capsys, tmp_path):
    listed = json.dumps([describe(job("a"), NOW), describe(job("b"), NOW)])
    assert names(monkeypatch, capsys, tmp_path, listed) == (0, "a ml uid-a\nb ml uid-b\n")
    assert names(monkeypatch, capsys, tmp_path, "[]") == (0, "")


@pytest.mark.parametrize(
    "content",
    [
        *("", "{}", "7", "[" * 5000),
    ],
)
def test_what_is_no_list_is_refused(monkeypatch, capsys, tmp_path, content):
    assert names(monkeypatch, capsys, tmp_path, content) == (65, "")


@pytest.mark.parametrize(
    "odd",
    [
        *(
            {"job": "-a"},
            {"job": "a b"},
            {"namespace": "x\ny"},
            {"uid": "$(x)"},
            {"uid": ""},
            {"uid": "-x"},
            {"job": 7},
        ),
    ],
)
def test_s6_an_odd_job_is_passed_over(monkeypatch, capsys, tmp_path, odd):
    good = {"job": "a", "namespace": "ml", "uid": "u"}
    listed = json.dumps([7, good | odd, {}, good])
    assert names(monkeypatch, capsys, tmp_path, listed) == (0, "a ml u\n")
