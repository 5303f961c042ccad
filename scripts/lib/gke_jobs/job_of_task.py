"""Finds the Job of a task instance of Airflow by its annotations, because labels cannot hold every id.

command.py job-of-task CONNECTION --namespace NAME --dag-id ID --run-id ID --task-id ID [--map-index NUMBER]
                       [--unreachable-timeout SECONDS] -- PROXY
stdout: NAME UID of the newest one. Exit codes: those of scripts/explain-job.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable

from gke_jobs import exit_codes, labels
from gke_jobs.connection import jobs_path
from gke_jobs.json_access import Json, dict_at, is_uid, text_at
from gke_jobs.messages import ERROR, ScriptError, die, log
from gke_jobs.options import take_connection
from gke_jobs.plain_text import is_name, one_line
from gke_jobs.reads import UNREACHABLE_SECONDS, Reader

NOT_MAPPED = "-1"
NAMES = 10  # map indexes or environments in one line


def main() -> int:
    """Run the command."""
    try:
        connection, words = take_connection(sys.argv[1:])
        options = _parse(words)
        reader = Reader(connection=connection, unreachable_seconds=options.unreachable_timeout)
        query = {"labelSelector": f"{labels.MANAGED_BY}={labels.MANAGER}"}
        jobs = reader.list("list the Jobs", jobs_path(options.namespace), query)
        wanted = {labels.DAG_ID: options.dag_id, labels.TASK_ID: options.task_id, labels.RUN_ID: options.run_id}
        job = newest(of_task(jobs, wanted), options.map_index, _describe_task(options))
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    print(text_at(job, "metadata", "name"), text_at(job, "metadata", "uid"))
    return 0


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("namespace", "dag-id", "run-id", "task-id"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--map-index", default="")
    parser.add_argument("--unreachable-timeout", type=float, default=UNREACHABLE_SECONDS)
    return parser.parse_args(words)


def _describe_task(options: argparse.Namespace) -> tuple[str, str]:
    """Return the task as text, and the command that lists the Jobs of its DAG."""
    dag, task, run = map(one_line, (options.dag_id, options.task_id, options.run_id))
    cluster = os.environ.get("GKE_JOB_CLUSTER_OPTIONS", "")  # set by scripts/lib/bash/cluster.bash, quoted
    command = f"list-jobs{cluster} {shlex.join(['--namespace', options.namespace, f'--dag-id={dag}'])}"
    return f"DAG {dag}, task {task}, run {run}, in namespace {one_line(options.namespace)}", command


def of_task(jobs: Iterable[Json], wanted: dict[str, str]) -> list[Json]:
    """Return the Jobs with these annotations and any map index."""
    return [
        job
        for job in jobs
        if wanted.items() <= dict_at(job, "metadata", "annotations").items()
        and is_name(text_at(job, "metadata", "name"))
        and is_uid(text_at(job, "metadata", "uid"))
    ]


def newest(jobs: list[Json], map_index: str, words: tuple[str, str]) -> Json:
    """Return the Job that was created last. ScriptError if there is none. '' is for a task that is not mapped."""
    task, command = words
    found = [job for job in jobs if _annotation(job, labels.MAP_INDEX) == (map_index or NOT_MAPPED)]
    if not found and jobs:
        indexes = sorted({_annotation(job, labels.MAP_INDEX) for job in jobs}, key=lambda text: (len(text), text))
        die(
            exit_codes.CONFIG,
            f"no Job with map index {map_index or NOT_MAPPED} for {task}; map indexes with a Job: "
            f"{_list_some(indexes)}; set one with --map-index; see: {command}",
        )
    if not found:
        die(
            exit_codes.CONFIG,
            f"no Job for {task}: it was deleted or removed by its TTL, or it never existed; see: {command}",
        )
    found.sort(key=lambda job: text_at(job, "metadata", "creationTimestamp"))
    environments = {_annotation(job, labels.AIRFLOW_ENVIRONMENT) for job in found}
    if len(environments) > 1:
        of = one_line(_annotation(found[-1], labels.AIRFLOW_ENVIRONMENT))
        log(f"Airflow environments with this task: {_list_some(sorted(environments))}; using the newest, of {of}")
    return found[-1]


def _annotation(job: Json, name: str) -> str:
    return text_at(dict_at(job, "metadata", "annotations"), name)


def _list_some(names: list[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(map(one_line, names[:NAMES])) + more
