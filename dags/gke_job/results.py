"""Pushes the result of a task, and marks its Job as collected.

A success callback of the task marks the Job when Airflow has stored its result. If something fails after the Job, such
as an XCom backend, the Job is complete but not marked, and the next try takes its result instead of running it again. A
cleared task that had succeeded finds the mark and runs the Job again.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from .command import command
from .compat import AIRFLOW_2, Context

# Airflow 3 puts a key unquoted into the URL of its task API.
PLAIN_KEY = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,250}", re.ASCII)
RESERVED = ("return_value", "job", "timing")
TIMING = ("seconds", "phases", "pod_seconds", "pods", "attempts", "retries", "preemptions", "oom_kills")
LINK = "_link_"  # prefix of the XCom keys of Airflow 3's extra links
SMALLEST, LARGEST = -(2**63), 2**64 - 1  # range of integers in msgpack, which tasks of Airflow 3 use for XComs
SHOWN_KEYS, SHOWN_CHARACTERS = 5, 40
MARK_SECONDS = 15  # Airflow 3 kills a task that still runs 20 s after its success


def integer(digits: str) -> int | str:
    """Returns an integer of a result; its digits as a string if it exceeds the 64 bits that Airflow 3 can store."""
    return int(digits) if len(digits) <= 20 and SMALLEST <= int(digits) <= LARGEST else digits


def is_plain(key: str) -> bool:
    """Returns whether a key of a result can be the key of an XCom."""
    return key not in RESERVED and not key.startswith(LINK) and PLAIN_KEY.fullmatch(key) is not None


def push_result_keys(result: dict[str, Any], context: Context, log: Any) -> None:
    """Pushes each key of a result as an XCom if it is a plain name, and logs a warning with the other keys."""
    for key, value in result.items():
        if is_plain(key):
            context["ti"].xcom_push(key=key, value=value)
    if left_out := [key for key in result if not is_plain(key)]:
        shown = ", ".join(repr(key[:SHOWN_CHARACTERS]).replace("::", ": :") for key in left_out[:SHOWN_KEYS])
        more = f" and {len(left_out) - SHOWN_KEYS} more" if len(left_out) > SHOWN_KEYS else ""
        log.warning("keys in return_value only, because they are not plain names or are reserved: %s%s", shown, more)


def push_job(job: dict[str, Any], context: Context, task: Any) -> None:
    """Pushes the XCom `job` and the links to the Job while it runs. A failure is logged, and the Job continues."""
    try:
        context["ti"].xcom_push(key="job", value=job)
        for link in () if AIRFLOW_2 else task.operator_extra_links:  # on Airflow 2 the web server makes the links
            context["ti"].xcom_push(key=link.xcom_key, value=link.get_link(task, ti_key=context["ti"]))
    except Exception as error:  # an XCom backend may raise anything
        task.log.warning("cannot store the XCom job: %s", type(error).__name__)


def push_timing(summary: dict[str, Any], context: Context, log: Any) -> None:
    """Pushes the XCom `timing`, the durations and counts from the summary of a run. A failure is logged.

    :param summary: as summary.schema.json of the scripts describes it
    """
    try:
        context["ti"].xcom_push(key="timing", value={key: summary[key] for key in TIMING if key in summary})
    except Exception as error:  # an XCom backend may raise anything
        log.warning("cannot store the XCom timing: %s", type(error).__name__)


def mark_collected(context: Context) -> None:
    """Marks the Job as collected. It is the first success callback of the task."""
    task: Any = context["ti"].task
    directory, task.unmarked_run = task.unmarked_run, None
    if directory is None:
        return
    try:
        if job := directory.job():
            _mark(*job[:2], kubeconfig=directory.path / "kubeconfig", task=task, context=context)
    finally:
        directory.remove()


def _mark(job: str, namespace: str, *, kubeconfig: Path, task: Any, context: Context) -> None:
    variables, cluster = task.get_env(context), task.cluster_arguments
    if kubeconfig.exists():  # run-job has left it there
        variables, cluster = {**variables, "KUBECONFIG": str(kubeconfig)}, []
    argv = command("collect-job", *cluster, mark="only", job=job, namespace=namespace, unreachable_timeout=5)
    try:
        output = subprocess.run(  # noqa: S603 # the script checks the names
            argv, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=MARK_SECONDS
        ).stdout
    except subprocess.TimeoutExpired:
        message = f"cannot mark Job {job} as collected, so the next run of its task will collect this result again"
        output = message.encode()
    for text in output.decode(errors="replace").splitlines():
        task.log.warning("%s", text)
