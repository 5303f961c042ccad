"""Results of DAG runs, from a database with Airflow's tables."""

from __future__ import annotations

import json
import sqlite3

import pytest

from demo.results import TaskResult, last_results, newest_run, run_of


@pytest.fixture
def database(tmp_path):
    """Make a database of Airflow that has a run with a state, after an older run."""

    def make(state: str, result: object = None):
        path = tmp_path / "airflow.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE dag_run (id INTEGER, dag_id TEXT, run_id TEXT, state TEXT)")
            connection.execute(
                "CREATE TABLE xcom (dag_id TEXT, run_id TEXT, task_id TEXT, map_index INTEGER, key TEXT, value JSON)"
            )
            connection.execute(
                "CREATE TABLE task_instance"
                " (dag_id TEXT, run_id TEXT, task_id TEXT, map_index INTEGER, state TEXT, start_date TEXT)"
            )
            runs = [(1, "dag", "old", "success"), (2, "dag", "new", state)]
            connection.executemany("INSERT INTO dag_run VALUES (?, ?, ?, ?)", runs)
            rows = [("old", "report", "return_value", "1"), ("new", "train", "return_value", "2")]
            if result is not None:
                rows.append(("new", "report", "return_value", json.dumps(result)))
            connection.executemany("INSERT INTO xcom VALUES ('dag', ?, ?, -1, ?, ?)", rows)
            tasks = [("report", -1, "success", "2"), ("train", -1, "success", "1"), ("sweep", 0, "failed", "3")]
            tasks.append(("last", -1, None, None))
            connection.executemany("INSERT INTO task_instance VALUES ('dag', 'new', ?, ?, ?, ?)", tasks)
        return path

    return make


def test_the_results_are_those_of_the_last_run(database):
    assert last_results(database("success", {"accuracy": 0.8})) == (
        "success",
        {"train": 2, "report": {"accuracy": 0.8}},
    )


def test_a_run_without_a_report_has_the_other_results(database):
    assert last_results(database("failed")) == ("failed", {"train": 2})


def test_the_tasks_of_a_run_are_in_the_order_in_which_they_ran(database):
    path = database("failed", {"精度": 0.8})
    assert run_of(path, "dag", after=1) == (
        "failed",
        [
            TaskResult("train", "success", "2"),
            TaskResult("report", "success", '{"精度": 0.8}'),
            TaskResult("sweep[0]", "failed"),
            TaskResult("last", "not run"),
        ],
    )


def test_an_older_run_is_not_returned(database):
    path = database("failed")
    assert run_of(path, "dag", after=newest_run(path)) == run_of(path, "other", after=0) == ("not started", [])


def test_a_result_moves_no_cursor_and_turns_no_text_around(database):
    path = database("success", "a\u202eb\u009b2J")
    assert TaskResult("report", "success", r'"a\u202eb\x9b2J"') in run_of(path, "dag", after=1)[1]
