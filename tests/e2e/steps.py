"""Steps that several test files share: wait for a state of a task, and stop its worker."""

from __future__ import annotations

import os
import signal
from importlib.metadata import version

from e2e.jobs import job_of, uid_of
from e2e.parts import Part
from e2e.processes import descendants, parent, read
from e2e.runs import Airflow
from polling import wait_until

# In Airflow 3.1 and 3.2 a supervisor that gets SIGTERM does not signal its task; the task sees only that it ends.
SIGNALS_STOPS = not version("apache-airflow").startswith(("3.1.", "3.2."))


def stop_worker(airflow: Airflow, task: int) -> None:
    """Send SIGTERM to the supervisor of a task, then SIGKILL if this Airflow ignores SIGTERM."""
    supervisor = parent(task)
    os.kill(supervisor, signal.SIGTERM)
    if not SIGNALS_STOPS:
        os.kill(supervisor, signal.SIGKILL)


def wait_until_deleted(airflow: Airflow, dag_id: str, uid: str | None = None) -> None:
    """Wait until the DAG has no Job, or with `uid` another one."""
    wait_until(
        lambda: job_of(dag_id) is None or (uid is not None and uid_of(dag_id) != uid),
        lambda: f"the Job is deleted; log: {airflow.logs(dag_id, 'job')}; triggerer: {airflow.triggerer.log()}",
    )


def wait_until_adopted(airflow: Airflow, dag_id: str, uid: str) -> None:
    wait_until(
        lambda: "attaching to Job" in airflow.log(dag_id, "job", 2),
        lambda: f"the next try attaches; logs: {airflow.log(dag_id, 'job')} {airflow.log(dag_id, 'job', 2)}",
    )
    assert uid_of(dag_id) == uid


def wait_until_deferred(airflow: Airflow, dag_id: str) -> None:
    """Wait until a triggerer has the task."""
    wait_until(
        lambda: airflow.state(dag_id, "job")[0] == "deferred" and airflow.triggerer_of(dag_id, "job"),
        lambda: f"{dag_id} is deferred: {airflow.state(dag_id, 'job')}; log: {airflow.logs(dag_id, 'job')}",
    )


def wait_for_state(airflow: Airflow, dag_id: str, state: str, task_id: str = "job") -> None:
    wait_until(
        lambda: airflow.has_ended(dag_id, task_id, state),
        lambda: f"{dag_id} is {state}: it is {airflow.state(dag_id, task_id)}; log: {airflow.logs(dag_id, task_id)}",
    )


def watches(triggerer: Part) -> int:
    """Return the number of watch-jobs processes of a triggerer."""
    found = (read(pid, "cmdline").split(b"\0") for pid in descendants(triggerer.pid))
    return sum(b"bash" in line[0] and any(word.endswith(b"/watch-jobs") for word in line) for line in found if line)
