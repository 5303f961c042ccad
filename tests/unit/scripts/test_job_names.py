"""The names in a list of Jobs, for reap-jobs."""

import json
import sys

import pytest
from listed_jobs import NOW, job

from gke_jobs import job_names
from gke_jobs.job_rows import describe


def names(monkeypatch, capsys, tmp_path, content):
    (tmp_path / "jobs").write_text(content)
    monkeypatch.setattr(sys, "argv", ["command.py", str(tmp_path / "jobs")])
    return job_names.main(), capsys.readouterr().out


def test_the_names_in_a_list(monkeypatch, capsys, tmp_path):
    listed = json.dumps([describe(job("a"), NOW), describe(job("b"), NOW)])
    assert names(monkeypatch, capsys, tmp_path, listed) == (0, "a ml uid-a\nb ml uid-b\n")
    assert names(monkeypatch, capsys, tmp_path, "[]") == (0, "")


@pytest.mark.parametrize("content", ["", "{}", "7", "[" * 5000])
def test_what_is_no_list_is_refused(monkeypatch, capsys, tmp_path, content):
    assert names(monkeypatch, capsys, tmp_path, content) == (65, "")


@pytest.mark.parametrize(
    "odd",
    [
        {"job": "-a"},
        {"job": "a b"},
        {"namespace": "x\ny"},
        {"uid": "$(x)"},
        {"uid": ""},
        {"uid": "-x"},
        {"job": 7},
    ],
)
def test_s6_an_odd_job_is_passed_over(monkeypatch, capsys, tmp_path, odd):
    good = {"job": "a", "namespace": "ml", "uid": "u"}
    listed = json.dumps([7, good | odd, {}, good])
    assert names(monkeypatch, capsys, tmp_path, listed) == (0, "a ml u\n")
