"""What a task returns, and when its Job is marked as collected.

A Job is marked when Airflow has its result, by a callback of the task's success. So whatever fails after the Job, such
as an XCom backend, leaves a complete Job that is not marked, and the next try takes its result again instead of
training. A cleared task that had succeeded finds the mark and trains.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from .command import command
from .compat import AIRFLOW_2, Context

# A key goes into the URL of Airflow 3's task API unquoted.
PLAIN_KEY = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,250}", re.ASCII)
RESERVED = ("return_value", "job", "timing")
TIMING = ("seconds", "phases", "pod_seconds", "pods", "attempts", "retries", "preemptions", "oom_kills")
LINK = "_link_"  # how the keys of Airflow 3's extra links begin
SMALLEST, LARGEST = -(2**63), 2**64 - 1  # integers that msgpack has, by which a task of Airflow 3 hands XComs over
SHOWN_KEYS, SHOWN_CHARACTERS = 5, 40
MARK_SECONDS = 15  # Airflow 3 kills a task that goes on for 20 s after its success


def integer(digits: str) -> int | str:
    """Returns an integer of a result; its digits where Airflow 3 could not store it, which has 64 bits for one."""
    return int(digits) if len(digits) <= 20 and SMALLEST <= int(digits) <= LARGEST else digits


def is_plain(key: str) -> bool:
    """Whether a key of a result can be that of an XCom."""
    return key not in RESERVED and not key.startswith(LINK) and PLAIN_KEY.fullmatch(key) is not None


def push_keys(result: dict[str, Any], context: Context, log: Any) -> None:
    """Pushes each key of a result that is a plain name as an XCom, and logs which are none."""
    for key, value in result.items():
        if is_plain(key):
            context["ti"].xcom_push(key=key, value=value)
    if left_out := [key for key in result if not is_plain(key)]:
        shown = ", ".join(repr(key[:SHOWN_CHARACTERS]).replace("::", ": :") for key in left_out[:SHOWN_KEYS])
        more = f" and {len(left_out) - SHOWN_KEYS} more" if len(left_out) > SHOWN_KEYS else ""
        log.warning("in return_value only, because they are no plain names or are reserved: keys %s%s", shown, more)


def push_job(job: dict[str, Any], context: Context, task: Any) -> None:
    """Pushes the XCom `job`, and the links to it, while the Job runs. A failure is logged: the Job goes on."""
    try:
        context["ti"].xcom_push(key="job", value=job)
        for link in () if AIRFLOW_2 else task.operator_extra_links:  # there the web server makes them
            context["ti"].xcom_push(key=link.xcom_key, value=link.get_link(task, ti_key=context["ti"]))
    except Exception as error:  # an XCom backend may raise anything
        task.log.warning("cannot store the XCom job: %s", type(error).__name__)


def push_timing(summary: dict[str, Any], context: Context, log: Any) -> None:
    """Pushes the XCom `timing`: of the summary of a run that has ended what took how long. A failure is logged.

    :param summary: as summary.schema.json of the scripts describes it
    """
    try:
        context["ti"].xcom_push(key="timing", value={key: summary[key] for key in TIMING if key in summary})
    except Exception as error:  # an XCom backend may raise anything
        log.warning("cannot store the XCom timing: %s", type(error).__name__)


def mark_collected(context: Context) -> None:
    """Marks the Job as collected; the first callback of a task's success."""
    task: Any = context["ti"].task
    report, task.collected = task.collected, None
    if report is None:
        return
    try:
        if job := report.job():
            _mark(*job[:2], kubeconfig=report.path / "kubeconfig", task=task, context=context)
    finally:
        report.remove()


def _mark(job: str, namespace: str, *, kubeconfig: Path, task: Any, context: Context) -> None:
    environment, cluster = task.get_env(context), task.cluster_arguments
    if kubeconfig.exists():  # run-job has left it there
        environment, cluster = {**environment, "KUBECONFIG": str(kubeconfig)}, []
    line = command("collect-job", *cluster, mark="only", job=job, namespace=namespace, unreachable_timeout=5)
    try:
        said = subprocess.run(  # noqa: S603 # the script checks the names
            line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=MARK_SECONDS
        ).stdout
    except subprocess.TimeoutExpired:
        said = f"cannot mark Job {job} as collected, so the next run of its task will take this result again".encode()
    for text in said.decode(errors="replace").splitlines():
        task.log.warning("%s", text)
