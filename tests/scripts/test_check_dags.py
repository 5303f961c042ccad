"""Which Airflow is good enough to check the DAGs of an environment."""

from __future__ import annotations

import pytest

import check_dags
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
