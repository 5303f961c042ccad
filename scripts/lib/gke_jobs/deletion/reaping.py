"""Prints whether an orphaned Job may be deleted; logs the reason if not.

command.py may-reap CONNECTION --namespace NAME --job NAME --uid UID --airflow-environment NAME -- PROXY
stdout: delete | leave
"""

from __future__ import annotations

import argparse
import sys

from gke_jobs import labels
from gke_jobs.connection import jobs_path
from gke_jobs.job_options import parse_job_options
from gke_jobs.json_access import Json, text_at, true_conditions
from gke_jobs.messages import ERROR, ScriptError, log
from gke_jobs.plain_text import one_line


def reason_to_skip(job: Json, uid: str, environment: str) -> str:
    """Return why a Job (None: no Job) may not be deleted; '' if it may be."""
    if job is None or text_at(job, "metadata", "uid") != uid:
        return "it is already deleted"
    if text_at(job, "metadata", "labels", labels.MANAGED_BY) != labels.MANAGER:
        return "it was not created by this toolkit"
    found = text_at(job, "metadata", "annotations", labels.AIRFLOW_ENVIRONMENT)
    if found != environment:
        return f"it belongs to the Airflow environment '{one_line(found)}', not {environment}"
    conditions = true_conditions(job)
    return "it is finished" if "Complete" in conditions or "Failed" in conditions else ""


def main() -> int:
    """Run the command."""
    try:
        options = parse_job_options(sys.argv[1:], _add_options)
        job = options.reader.get(f"read Job {options.job}", jobs_path(options.namespace, options.job))
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    reason = reason_to_skip(job, options.uid, options.others.airflow_environment)
    if reason:
        log(f"skipping Job {options.job}: {reason}")
    print("leave" if reason else "delete")
    return 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--airflow-environment", required=True)
