"""What the last DAG run left, from a database as Airflow has it."""

from __future__ import annotations

import json
import sqlite3

import pytest

from demo.results import last_results


@pytest.fixture
def database(tmp_path):
    """Makes a database of Airflow with a run of that state, after an older one."""

    def make(state: str, result: object = None):
        path = tmp_path / "airflow.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE dag_run (id INTEGER, run_id TEXT, state TEXT)")
            connection.execute("CREATE TABLE xcom (run_id TEXT, task_id TEXT, key TEXT, value JSON)")
            connection.executemany("INSERT INTO dag_run VALUES (?, ?, ?)", [(1, "old", "success"), (2, "new", state)])
            rows = [("old", "report", "return_value", "1"), ("new", "train", "return_value", "2")]
            if result is not None:
                rows.append(("new", "report", "return_value", json.dumps(result)))
            connection.executemany("INSERT INTO xcom VALUES (?, ?, ?, ?)", rows)
        return path

    return make


def test_the_results_are_those_of_the_last_run(database):
    assert last_results(database("success", {"accuracy": 0.8})) == (
        "success",
        {"train": 2, "report": {"accuracy": 0.8}},
    )


def test_a_run_without_a_report_has_the_other_results(database):
    assert last_results(database("failed")) == ("failed", {"train": 2})
