"""Runs a DAG once with Airflow, and shows the logs and the states of its tasks.

Usage: dag_run.py DAG_ID FILE AIRFLOW-ARGUMENT...

The output of Airflow goes to FILE. Exit code: 0 if the DAG run succeeded, otherwise 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from demo.results import TaskResult, newest_run, run_of
from demo.task_logs import TaskLogs
from demo.toolkit_lines import LOG_FORMAT
from gke_jobs.text_width import columns, padded

LAST_LINES = 20  # of Airflow's log, shown if it has run no task
WIDEST = 100  # characters of a result that are shown


def main(dag_id: str, file: Path, airflow: list[str]) -> int:
    """Run the DAG; return the exit code."""
    database = Path(os.environ["AIRFLOW_HOME"], "airflow.db")
    before, logs = newest_run(database), TaskLogs()
    environment = os.environ | {
        "AIRFLOW__LOGGING__LOG_FORMAT": LOG_FORMAT,
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "PYTHONUNBUFFERED": "1",  # the output of a task keeps its place among the log lines
    }
    with (
        file.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            airflow,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
            env=environment,
        ) as run,
    ):
        for line in run.stdout or ():
            log.write(line)
            for text in logs.lines(line.rstrip("\n")):
                print(text, flush=True)
    if not logs.has_begun:
        print("".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[-LAST_LINES:]), end="")
    state, tasks = run_of(database, dag_id, after=before)
    print(ending(dag_id, state, tasks, file))
    return 0 if state == "success" and run.returncode == 0 else 1


def ending(dag_id: str, state: str, tasks: list[TaskResult], file: Path) -> str:
    """Return the last text: each task, the file with Airflow's log, and a summary line."""
    names = max((columns(task.name) for task in tasks), default=0)
    states = max((len(task.state) for task in tasks), default=0)
    rows = (f"  {padded(task.name, names)} {task.state:{states}} {_cut(task.result)}".rstrip() for task in tasks)
    counts = Counter(task.state for task in tasks)
    summary = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no task has run"
    return "\n".join(["", *rows, f"Airflow's own log: {file}", f"DAG {dag_id}: {state}: {summary}"])


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}..."


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
    except KeyboardInterrupt:
        sys.exit(130)
