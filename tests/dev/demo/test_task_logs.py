"""The log lines of tasks in the output of `airflow dags test`."""

from __future__ import annotations

from demo.task_logs import TaskLogs

TIME = "2026-11-26T22:43:58.190005Z"
TASK = f"{TIME} <airflow.task.operators.gke_job.operator.GkeJobOperator>"
OWN = f"{TIME} <airflow.sdk.definitions.dag>"
START, END = (
    f"{OWN} [DAG TEST] starting task_id=train map_index=-1",
    f"{OWN} [DAG TEST] end task task_id=train map_index=-1",
)


def shown(*lines: str) -> list[str]:
    logs = TaskLogs()
    return [text for line in (START, *lines, END) for text in logs.lines(line)]


def test_lines_before_and_after_tasks_are_not_shown():
    logs = TaskLogs()
    assert [*logs.lines(f"{OWN} Created dag run."), *logs.lines("Traceback (most recent call last):")] == []
    assert not logs.has_begun
    assert [*logs.lines(START), *logs.lines("printed"), *logs.lines(END), *logs.lines("DagRun success")] == [
        *("\ntask train:", "printed"),
    ]
    assert logs.has_begun


def test_a_mapped_task_has_its_index():
    assert [*TaskLogs().lines(START.replace("=-1", "=3"))] == ["\ntask train[3]:"]


def test_logs_and_prints_of_a_task_are_shown_and_those_of_airflow_are_not():
    assert shown(
        f"{OWN} running task <TaskInstance>",
        f"{TIME} <task> ::endgroup::",
        "printed",
        f"{TASK} gke-job 0.1.0",
        f"{TASK} ::group::Command to repeat this run",
        f"{TASK} scripts/run-job",
        f"{TASK} ::endgroup::",
        f'{TASK} gke-job-summary: {{"version":"0.1.0"}}',
        f"{TASK}   abcde\u00a0\u00a0[==] succeeded",
        f"{TIME} <unusual_prefix_hello> logged <b>",
        f"{TIME} <airflow.task> by Airflow's logger of tasks",
        f"{TIME} <task> ::group::Post Execute",
        f"{TIME} <task> Pushing xcom ti=",
        f"{TIME} <airflow.api_fastapi.execution_api.routes.task_instances> Task instance state updated",
    ) == [
        *("\ntask train:", "printed", "gke-job 0.1.0", "  abcde  [==] succeeded", "logged <b>"),
        "by Airflow's logger of tasks",
    ]


def test_a_traceback_has_only_frames_of_the_users_own_files():
    assert shown(
        f"{TIME} <task> Task failed with exception",
        "Traceback (most recent call last):",
        '  File "/venv/lib/python3.11/site-packages/airflow/sdk/bases/operator.py", line 462, in wrapper',
        "    return func(self)",
        "           ^^^^^^^^^^",
        '  File "/dags/hello.py", line 18, in bad',
        '    raise ValueError("no good")',
        "ValueError: no good",
    ) == [
        *("\ntask train:", "Task failed with exception", "Traceback (most recent call last):"),
        *('  File "/dags/hello.py", line 18, in bad', '    raise ValueError("no good")', "ValueError: no good"),
    ]


def test_lines_that_airflow_2_11_prints_twice_are_shown_once():
    assert shown(
        "[2026-11-26 22:47:59,664] {taskinstance.py:3158} INFO - Exporting env vars: A='b'",
        f"{TIME} <airflow.task> Exporting env vars: A='b'",
        "printed",
        "[2026-11-26 22:47:59,666] {taskinstance.py:3337} ERROR - Task failed with exception",
        "Traceback (most recent call last):",
        "ValueError: no good",
        f"{TIME} <airflow.task> Task failed with exception",
        "Traceback (most recent call last):",
        "ValueError: no good",
        f"{TIME} <airflow.models.dag.DAG> Task failed; ti=<TaskInstance>",
        "Traceback (most recent call last):",
        "ValueError: no good",
    ) == [
        *("\ntask train:", "printed", "Task failed with exception", "Traceback (most recent call last):"),
        "ValueError: no good",
    ]
