"""Which Airflow is good enough to check the DAGs of an environment, and which DAGs are checked."""

from __future__ import annotations

import re
import sys

import pytest

import check_dags
from dag_imports import files_that_import
from gke_jobs.messages import ScriptError


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("composer-3-airflow-3.3.2-build.1", ""),
        ("composer-3-airflow-3.3.1-build.4", "the environment has Airflow 3.3.1: checking with 3.3.2"),
        ("", "the environment's version of Airflow is not known: checking with 3.3.2"),
    ],
)
def test_the_same_minor_version_will_do(image, said, monkeypatch, capsys):
    monkeypatch.setattr(check_dags, "version", lambda _: "3.3.2")
    check_dags.compare_versions(image)
    assert capsys.readouterr().err.strip().partition(": ")[2] == said


def test_another_version_is_refused_and_named(monkeypatch):
    monkeypatch.setattr(check_dags, "version", lambda _: "3.3.2")
    with pytest.raises(ScriptError, match=r"the environment has Airflow 2\.11\.1, .* has 3\.3\.2: install") as error:
        check_dags.compare_versions("composer-3-airflow-2.11.1-build.7")
    assert error.value.status == 78


@pytest.mark.parametrize(
    ("source", "does"),
    [
        ("from gke_job import X", True),
        ("import os; from gke_job import X", True),
        ("import os, gke_job as toolkit", True),
        ("def make():\n    from gke_job.operator import X", True),
        ("import helper", True),
        ("from team import other", True),
        ("from team.other import X", True),
        ("from gke_job import (", True),
        ("from gke_job_other import X", False),
        ("import unrelated", False),
        ("'from gke_job import X'", False),
        ("\0", False),
    ],
)
def test_a_file_imports_the_package_itself_or_by_way_of_another_one(source, does, tmp_path):
    (tmp_path / "helper.py").write_text("from team.other import X")
    (tmp_path / "unrelated.py").write_text("import unrelated")
    (tmp_path / "team").mkdir()
    (tmp_path / "team/other.py").write_text("from . import third")
    (tmp_path / "team/third.py").write_text("import gke_job")
    (tmp_path / "object.py").mkdir()
    (tmp_path / "gke_job").mkdir()
    (tmp_path / "gke_job/__init__.py").write_text("from .operator import X")
    (tmp_path / "dag.py").write_text(source)
    found = files_that_import("gke_job", tmp_path)
    assert found == {tmp_path / name for name in ("helper.py", "team/other.py", "team/third.py", *["dag.py"] * does)}


def test_the_package_of_a_team_is_another_one(tmp_path):
    for name, source in {"a": "from churn import gke_job", "b": "import churn.gke_job", "c": "import gke_job"}.items():
        (tmp_path / f"{name}.py").write_text(source)
    assert files_that_import("churn.gke_job", tmp_path) == {tmp_path / "a.py", tmp_path / "b.py"}


@pytest.mark.parametrize("package", ["gke_job", "churn.gke_job"])
def test_an_error_that_names_the_package_is_one_of_the_toolkit(package, tmp_path, monkeypatch, capsys):
    (tmp_path / "dag.py").write_text("import_module(NAME)")
    error = f"Traceback\n  File {tmp_path}/{package.replace('.', '/')}/__init__.py\nTypeError: no\n"
    errors = {"dag.py": error, "theirs.py": "File /x/gke_job/airflow.py\nImportError: gke_jobs", "empty.py": ""}
    found = {str(tmp_path / name): text for name, text in errors.items()}
    monkeypatch.setattr(check_dags, "read_dags", lambda _: (found, {*found}))
    monkeypatch.setattr(check_dags, "compare_versions", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["check_dags.py", "--dags", str(tmp_path), "--package", package])
    assert check_dags.main() == 65
    lines = [re.sub(r"^[^:]*: ", "", line) for line in capsys.readouterr().err.splitlines()]
    assert lines == ["dag.py: TypeError: no", f"0 of 1 DAG files that import {package} can be imported"]
