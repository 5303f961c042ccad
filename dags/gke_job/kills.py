"""What becomes of the Job when Airflow ends a task early.

What Airflow tells an operator is only that it is killed. Why, is seen in what Airflow has noted of the task instance,
and in who is left to see it; README.md of this directory's parent has a table of what differs between versions.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
from tempfile import TemporaryFile
from typing import Any

from .cluster import GkeCluster
from .command import reaping
from .compat import has_supervisor, task_states

PR_SET_PDEATHSIG = 1
ANSWER_SECONDS = 1.5  # for Airflow's answer; Airflow 3 kills what is left of a task after 5 s
# What a task instance is while its try, or the next one, is to go on. Anything else has been done to it: marked as
# failed or success by a person, skipped with its DAG run, cleared (restarting), removed.
GOES_ON = ("running", "up_for_retry", "queued", "scheduled", "up_for_reschedule", "deferred")


def tie_to_supervisor(ti: Any) -> int:
    """Has the kernel send this process a SIGTERM when its supervisor is gone, and returns that process's id.

    Without that a task goes on when what watches it was killed, beside the next try; Airflow 3.1 does not even pass on
    the SIGTERM of a worker that is being stopped.
    """
    if has_supervisor(ti):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid()


def is_awaited(ti: Any) -> bool:
    """Returns whether a next try of this task instance will want the Job, by asking Airflow.

    Where Airflow does not answer it is being stopped, so the same holds as for a task instance that is running.
    """
    return ti.try_number <= ti.max_tries and _ask(ti) in GOES_ON


def delete_job(job: dict[str, Any] | None, environment: dict[str, str], log: Any) -> None:
    """Deletes the Job of a task that ends while none of its scripts runs, unless the Job is finished.

    The script goes on when Airflow kills this process.

    :param job: the XCom `job`; None where there is no Job yet
    :param environment: of the script
    """
    if job is None:
        return
    listed = {"job": job["name"], "namespace": job["namespace"], "uid": job["uid"]}
    cluster = GkeCluster(**job["cluster"]).arguments()
    line, stdin = reaping(cluster, environment["GKE_JOB_AIRFLOW_ENVIRONMENT"], [listed])
    # Neither tied to this process, as a script of a task is, nor to a pipe that ends with it.
    environment = {name: value for name, value in environment.items() if not name.startswith("AIRFLOW_CTX_")}
    with TemporaryFile() as output:
        subprocess.run(  # noqa: S603 # no shell reads the words of the line
            line,
            input=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            check=False,
        )
        output.seek(0)
        said = output.read()
    for text in said.decode(errors="replace").splitlines():
        log.warning("%s", text)


def _ask(ti: Any) -> str | None:
    # Not in this thread: the signal may have interrupted it in what the question needs.
    answer: list[str | None] = []

    def ask() -> None:
        states = task_states(ti, ti.dag_id, ti.run_id, ti.map_index, [ti.task_id])
        answer.append(states.get(ti.task_id))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    return answer[0] if answer else "running"
