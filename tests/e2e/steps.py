"""Steps that several test files share: waiting for a state of a task, and stopping its worker."""

from __future__ import annotations

import os
import signal
from importlib.metadata import version

from e2e.jobs import uid_of
from e2e.parts import Part
from e2e.processes import descendants, parent, read, wait_for
from e2e.runs import Airflow

# Airflow 3.1 and 3.2 tell a task nothing when its supervisor is to stop; the task sees only that the supervisor ends.
TELLS_OF_STOPS = not version("apache-airflow").startswith(("3.1.", "3.2."))


def stop_worker(airflow: Airflow, task: int) -> None:
    """SIGTERM, and SIGKILL to what does not end of it."""
    supervisor = parent(task)
    os.kill(supervisor, signal.SIGTERM)
    if not TELLS_OF_STOPS:
        os.kill(supervisor, signal.SIGKILL)


def wait_until_gone(airflow: Airflow, dag_id: str, uid: str) -> None:
    wait_for(lambda: uid_of(dag_id) != uid, lambda: f"the Job is deleted; log: {airflow.log(dag_id, 'job')}")


def wait_until_adopted(airflow: Airflow, dag_id: str, uid: str) -> None:
    wait_for(
        lambda: "attaching to Job" in airflow.log(dag_id, "job", 2),
        lambda: f"the next try attaches; logs: {airflow.log(dag_id, 'job')} {airflow.log(dag_id, 'job', 2)}",
    )
    assert uid_of(dag_id) == uid


def wait_until_deferred(airflow: Airflow, dag_id: str) -> None:
    """Wait until a triggerer has the task, and its Job is there."""
    wait_for(
        lambda: airflow.state(dag_id, "job")[0] == "deferred" and airflow.triggerer_of(dag_id, "job"),
        lambda: f"{dag_id} is deferred: {airflow.state(dag_id, 'job')}; log: {airflow.logs(dag_id, 'job')}",
    )


def wait_for_state(airflow: Airflow, dag_id: str, state: str, task_id: str = "job") -> None:
    wait_for(
        lambda: airflow.has_ended(dag_id, task_id, state),
        lambda: f"{dag_id} is {state}: it is {airflow.state(dag_id, task_id)}; log: {airflow.logs(dag_id, task_id)}",
    )


def watches(triggerer: Part) -> int:
    """How many watch-jobs a triggerer runs."""
    found = (read(pid, "cmdline").split(b"\0") for pid in descendants(triggerer.pid))
    return sum(b"bash" in line[0] and any(word.endswith(b"/watch-jobs") for word in line) for line in found if line)
