"""The last lines of `make dag`."""

from __future__ import annotations

from pathlib import Path

from demo.dag_run import ending
from demo.results import TaskResult

LOG = Path("/tmp/airflow-1.log")


def test_the_end_has_each_task_with_its_state_and_result_and_the_state_of_the_run():
    tasks = [TaskResult("hello", "success", '{"answer": 42}'), TaskResult("train[0]", "failed")]
    assert ending("first", "failed", tasks, LOG) == (
        '\n  hello    success {"answer": 42}\n  train[0] failed\n'
        "Airflow's own log: /tmp/airflow-1.log\nDAG first: failed: 1 success, 1 failed"
    )


def test_states_are_in_one_column_after_names_of_any_language():
    tasks = [TaskResult("\u5b66\u7fd2", "success"), TaskResult("load", "failed")]
    assert ending("first", "failed", tasks, LOG).startswith("\n  \u5b66\u7fd2 success\n  load failed\n")


def test_a_run_without_a_task_is_reported():
    assert ending("first", "not started", [], LOG).endswith("\nDAG first: not started: no task has run")


def test_a_long_result_is_cut():
    assert f"{'x' * 100}...\n" in ending("first", "success", [TaskResult("a", "success", "x" * 1000)], LOG)
