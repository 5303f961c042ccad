"""What the last DAG run left in Airflow's SQLite database."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any


def last_results(database: str | Path) -> tuple[str, dict[str, Any]]:
    """The state of the newest DAG run, and what each of its tasks returned, by its id."""
    with sqlite3.connect(database) as connection:
        run_id, state = connection.execute("SELECT run_id, state FROM dag_run ORDER BY id DESC LIMIT 1").fetchone()
        returned = connection.execute(
            "SELECT task_id, CAST(value AS TEXT) FROM xcom WHERE run_id = ? AND key = 'return_value'", (run_id,)
        ).fetchall()
    return state, {task: json.loads(value) for task, value in returned}
