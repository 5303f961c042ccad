"""Reads the results of DAG runs from Airflow's SQLite database."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).resolve().parents[3] / "scripts" / "lib"))

from gke_jobs.plain_text import escaped


class TaskResult(NamedTuple):
    """A task of a run. name: with the map index; result: its return value as JSON, empty without one."""

    name: str
    state: str
    result: str = ""


def last_results(database: str | Path) -> tuple[str, dict[str, Any]]:
    """Return the state of the newest DAG run, and the return values of its tasks by task id."""
    with sqlite3.connect(database) as connection:
        run_id, state = connection.execute("SELECT run_id, state FROM dag_run ORDER BY id DESC LIMIT 1").fetchone()
        returned = connection.execute(
            "SELECT task_id, CAST(value AS TEXT) FROM xcom WHERE run_id = ? AND key = 'return_value'", (run_id,)
        ).fetchall()
    return state, {task: json.loads(value) for task, value in returned}


def newest_run(database: str | Path) -> int:
    """Return the number of the newest DAG run, 0 without one."""
    with sqlite3.connect(database) as connection:
        (number,) = connection.execute("SELECT coalesce(max(id), 0) FROM dag_run").fetchone()
    return int(number)


def run_of(database: str | Path, dag_id: str, *, after: int) -> tuple[str, list[TaskResult]]:
    """Return the state of the newest run of a DAG with a number above `after`, and its tasks in order of execution."""
    with sqlite3.connect(database) as connection:
        found = connection.execute(
            "SELECT run_id, state FROM dag_run WHERE dag_id = ? AND id > ? ORDER BY id DESC LIMIT 1", (dag_id, after)
        ).fetchone()
        if found is None:
            return "not started", []
        run_id, state = found
        rows = connection.execute(
            """SELECT task.task_id, task.map_index, task.state, CAST(xcom.value AS TEXT) FROM task_instance AS task
            LEFT JOIN xcom ON xcom.dag_id = task.dag_id AND xcom.run_id = task.run_id AND xcom.task_id = task.task_id
                AND xcom.map_index = task.map_index AND xcom.key = 'return_value'
            WHERE task.dag_id = ? AND task.run_id = ?
            ORDER BY task.start_date IS NULL, task.start_date, task.task_id, task.map_index""",
            (dag_id, run_id),
        ).fetchall()
    return state, [
        TaskResult(task if index < 0 else f"{task}[{index}]", state or "not run", _result(value))
        for task, index, state, value in rows
    ]


def _result(value: str | None) -> str:
    """Return the return value of a task on one line that is safe on a terminal, with letters of any language."""
    return "" if value in (None, "null") else escaped(json.dumps(json.loads(str(value)), ensure_ascii=False))
