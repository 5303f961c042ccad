"""Waits until the Job with a uid is removed; logs once a minute what blocks its removal.

command.py wait-gone CONNECTION --namespace NAME --job NAME --uid UID --timeout SECONDS -- PROXY

Exits with 124 after the timeout. It does not use `kubectl wait`, which would also wait for the next Job of that name.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from gke_jobs import exit_codes
from gke_jobs.connection import jobs_path, pods_path
from gke_jobs.job_options import JobOptions, parse_job_options
from gke_jobs.json_access import Json, is_owned_by, list_at, text_at
from gke_jobs.labels import CONTROLLER_UID
from gke_jobs.messages import ERROR, ScriptError, die, log
from gke_jobs.plain_text import one_line

PAUSE_SECONDS = 0.5
HEARTBEAT_SECONDS = 60.0
SHOWN = 3  # Pods, and finalizers of each object, in one message
# Controllers of Kubernetes remove these: the first after the Pods are removed, the second after a Pod is counted.
OF_KUBERNETES = {"foregroundDeletion", "orphan", "batch.kubernetes.io/job-tracking"}


def wait_until_gone(
    options: JobOptions,
    seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return after the Job is removed. ScriptError after the timeout, or if the Job cannot be read."""
    began = last_logged = clock()
    while True:
        job = options.reader.get(f"read Job {options.job}", jobs_path(options.namespace, options.job))
        if job is None or text_at(job, "metadata", "uid") != options.uid:
            return
        now = clock()
        passed = f"Job {options.job} still exists after {now - began:.0f} s"
        if now - began >= seconds:
            die(exit_codes.TIMEOUT, f"{passed}: {_find_blocker(options, job)}")
        if now - last_logged >= HEARTBEAT_SECONDS:
            last_logged = now
            log(f"{passed}: {_find_blocker(options, job)}")
        sleep(min(PAUSE_SECONDS, max(0.0, began + seconds - now)))


def _find_blocker(options: JobOptions, job: Json) -> str:
    query = {"labelSelector": f"{CONTROLLER_UID}={options.uid}"}
    found = options.reader.list(f"read the Pods of Job {options.job}", pods_path(options.namespace), query)
    pods = [pod for pod in found if is_owned_by(pod, options.uid)]
    return describe(job, pods)


def describe(job: Json, pods: list[Json]) -> str:
    """Return what blocks the removal of a Job that is being deleted, as text."""
    if held := _finalizers(job):
        return f"its finalizers {held} block its deletion: the controller that added them must remove them"
    for pod in pods:
        if held := _finalizers(pod):
            name = one_line(text_at(pod, "metadata", "name"))
            return (
                f"finalizers {held} block the deletion of its Pod {name}: the controller that added them must remove "
                "them"
            )
    if pods:
        names = [one_line(text_at(pod, "metadata", "name")) for pod in pods]
        return f"waiting for the termination of {_shown(names, 'Pods')}"
    return "waiting for Kubernetes to delete it"


def _finalizers(obj: Json) -> str:
    foreign = [one_line(each) for each in list_at(obj, "metadata", "finalizers") if isinstance(each, str)]
    return _shown([each for each in foreign if each not in OF_KUBERNETES], "finalizers")


def _shown(names: list[str], what: str) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more {what}" if more > 0 else "")


def main() -> int:
    """Run the command."""
    try:
        options = parse_job_options(sys.argv[1:], _add_options)
        wait_until_gone(options, options.others.timeout)
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    return 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", type=float, required=True)
