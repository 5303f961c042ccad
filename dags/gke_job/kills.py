"""Decides whether to delete the Job when Airflow ends a task early.

`on_kill` has no reason: Airflow calls it in all cases. The reason follows from the state of the task instance, and from
whether the supervisor still runs. dags/RETRIES.md has a table of the differences between versions of Airflow.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from tempfile import TemporaryFile
from typing import Any

from .cluster import GkeCluster
from .command import reap_command
from .compat import AirflowTaskTimeout, has_supervisor, task_states

PR_SET_PDEATHSIG = 1
ANSWER_SECONDS = 3.0  # timeout of the request to Airflow; Airflow 3 kills the remaining processes of a task after 5 s
# States of a task instance whose current or next try continues. In any other state a person has marked it as failed or
# success or cleared it (restarting), or it was skipped with its DAG run, or removed.
CONTINUING_STATES = ("running", "up_for_retry", "queued", "scheduled", "up_for_reschedule", "deferred")


def tie_to_supervisor(ti: Any) -> int:
    """Makes the kernel send SIGTERM to this process when its supervisor ends; returns the process ID of the supervisor.

    Otherwise a task whose supervisor was killed continues while the next try runs. Also, Airflow 3.1 does not forward
    the SIGTERM of a worker that is being stopped.
    """
    if has_supervisor(ti):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid()


def keeps_job(ti: Any, supervisor: int, *, action: str, log: Any) -> bool:
    """Returns whether the Job of a task that is ended continues.

    :param supervisor: what tie_to_supervisor has returned; 0 if no script was started
    :param action: `on_kill_action` of the operator
    :param log: the logger of the task
    """
    if supervisor and os.getppid() != supervisor:
        return True
    if action == "auto":
        # Airflow calls on_kill while it handles this exception.
        is_timed_out = isinstance(sys.exc_info()[1], AirflowTaskTimeout)
        return not is_timed_out and next_try_needs_job(ti, log)
    return action == "keep"


def next_try_needs_job(ti: Any, log: Any) -> bool:
    """Returns whether this task instance has a next try that needs the Job, by its state in Airflow.

    If Airflow does not answer, it is being stopped, and the task instance counts as running.
    """
    return ti.try_number <= ti.max_tries and _get_state(ti, log) in CONTINUING_STATES


def delete_job(job: dict[str, Any] | None, variables: dict[str, str], log: Any) -> None:
    """Deletes the Job of a task that is killed while none of its scripts runs, unless the Job is finished.

    The script that deletes it continues when Airflow kills this process.

    :param job: the XCom `job`; None if there is no Job yet
    :param variables: the environment variables of the script
    """
    if job is None:
        return
    listed = {"job": job["name"], "namespace": job["namespace"], "uid": job["uid"]}
    cluster = GkeCluster(**job["cluster"]).arguments()
    argv, stdin = reap_command(cluster, variables["GKE_JOB_AIRFLOW_ENVIRONMENT"], [listed])
    # Without these variables the script does not end with this process, as a script of a task does. Its output goes to
    # a file, because a pipe ends with this process.
    variables = {name: value for name, value in variables.items() if not name.startswith("AIRFLOW_CTX_")}
    with TemporaryFile() as output:
        subprocess.run(  # noqa: S603 # no shell reads these words
            argv,
            input=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
            start_new_session=True,
            check=False,
        )
        output.seek(0)
        messages = output.read()
    for text in messages.decode(errors="replace").splitlines():
        log.warning("%s", text)


def _get_state(ti: Any, log: Any) -> str | None:
    # In another thread: the signal may have interrupted this one in code that the request needs.
    answer: list[str | None] = []

    def ask() -> None:
        states = task_states(ti, ti.dag_id, ti.run_id, ti.map_index, [ti.task_id])
        answer.append(states.get(ti.task_id))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    if not answer:
        log.warning("Airflow did not return the state of the task within %g s: the Job continues", ANSWER_SECONDS)
        return "running"
    return answer[0]
