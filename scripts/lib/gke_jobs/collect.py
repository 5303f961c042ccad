"""Prints the result of a complete Job, as one line of JSON.

command.py results CONNECTION --namespace NAME --job NAME [--uid UID] [--captured FILE] [--partial]
                   [--required] [--unreachable-timeout SECONDS] -- PROXY

--captured FILE: the results that the follower has seen (captured.py), for Pods or a Job that have been removed.
--partial: also print the results of a failed Indexed Job: null for each index without a result. stderr has the number
of these. --required: exit with 65, after printing the result, if a Pod or an index has none.
Exit codes: those of scripts/collect-job.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gke_jobs import captured, exit_codes
from gke_jobs.connection import pods_path
from gke_jobs.job_options import JobOptions, find_job, parse_job_options
from gke_jobs.json_access import Json, at, int_at, is_owned_by, text_at, true_conditions
from gke_jobs.labels import CONTROLLER_UID
from gke_jobs.messages import ERROR, WARNING, ScriptError, die, log
from gke_jobs.plain_text import json_line
from gke_jobs.results import (
    PodResult,
    ResultError,
    indexes_with_result,
    job_result,
    merged,
    partial_result,
    result_of,
    without_message,
)

SUCCEEDED = ("Complete", "SuccessCriteriaMet")  # the second is set while the Job only waits for its Pods to end


def main() -> int:
    """Run the command."""
    try:
        _collect(parse_job_options(sys.argv[1:], _add_options))
    except ResultError as error:
        log(str(error), ERROR)
        return exit_codes.DATA
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    return 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--captured", type=Path)
    parser.add_argument("--partial", action="store_true")
    parser.add_argument("--required", action="store_true")


def _collect(options: JobOptions) -> None:
    seen = captured.read(options.others.captured) if options.others.captured else captured.Captured(job={}, results=[])
    try:
        job = find_job(options, f"collect Job {options.job}")
    except ScriptError as error:
        if error.status != exit_codes.CONFIG or not _has_succeeded(seen.job, options.uid):
            raise
        log(f"Job {options.job} no longer exists: collecting the results that were recorded before its removal")
        job = seen.job
    uid, completions = text_at(job, "metadata", "uid"), _completions(job)
    conditions = true_conditions(job)
    partial = False
    if not any(kind in conditions for kind in SUCCEEDED):
        if "Failed" not in conditions:
            die(exit_codes.NOT_FINISHED, f"Job {options.job} is not finished: wait for it with follow-job")
        partial = options.others.partial and completions is not None
        if not partial:
            why = f"Job {options.job} failed: it has no result; see: explain-job --job {options.job}"
            more = "; --partial prints the results of the indexes that succeeded" if completions is not None else ""
            die(exit_codes.JOB_FAILED, why + more)
    query = {"labelSelector": f"{CONTROLLER_UID}={uid}"}
    pods = options.reader.list(f"read the Pods of Job {options.job}", pods_path(options.namespace), query)
    there = [result for pod in pods if is_owned_by(pod, uid) and (result := result_of(pod))]
    results = merged(seen.results if text_at(seen.job, "metadata", "uid") == uid else [], there)
    if partial and completions is not None:
        print(_partial_json(results, completions))
        return
    _warn_about_missing_results(results, completions, int_at(job, "status", "succeeded"))
    print(json_line(job_result(results, completions)))
    if options.others.required and (missing := without_message(results, completions)):
        who = "its container" if completions is None else f"{missing} of {completions} indexes"
        fix = "a result is required: write it to /dev/termination-log"
        die(exit_codes.DATA, f"Job {options.job} is complete, but {who} wrote no result; {fix}")


def _partial_json(results: list[PodResult], completions: int) -> str:
    values, errors = partial_result(results, completions)
    for error in errors:
        log(error, WARNING)
    missing = completions - indexes_with_result(results, completions) + len(errors)
    log(f"the Job failed: {missing} of {completions} indexes have no result, the value of each is null", WARNING)
    return json_line(values)


def _warn_about_missing_results(results: list[PodResult], completions: int | None, succeeded: int) -> None:
    found = len(results) if completions is None else indexes_with_result(results, completions)
    if missing := max(0, succeeded - found):
        log(f"{missing} of {succeeded} succeeded Pods no longer exist, their results are missing", WARNING)


def _completions(job: Json) -> int | None:
    indexed = text_at(job, "spec", "completionMode") == "Indexed" and isinstance(at(job, "spec", "completions"), int)
    return int_at(job, "spec", "completions") if indexed else None


def _has_succeeded(job: Json, uid: str) -> bool:
    """Whether the captured Job has the requested uid, and had succeeded."""
    succeeded = any(kind in true_conditions(job) for kind in SUCCEEDED)
    return bool(uid) and text_at(job, "metadata", "uid") == uid and succeeded
