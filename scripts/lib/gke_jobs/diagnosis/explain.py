"""Explains why a Job is pending, running or failed.

command.py explain-job CONNECTION --namespace NAME --job NAME [--uid UID] [--unreachable-timeout SECONDS]
                       [--report FILE] -- PROXY
stdout: the diagnosis; --report FILE: where to write the report. Exit codes: those of scripts/explain-job.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from gke_jobs.connection import Connection
from gke_jobs.diagnosis.causes import cause
from gke_jobs.diagnosis.diagnosis import diagnose
from gke_jobs.diagnosis.reading import read
from gke_jobs.job_options import JobOptions, find_job, parse_job_options
from gke_jobs.json_access import text_at
from gke_jobs.messages import ERROR, ScriptError, log
from gke_jobs.plain_text import one_line


@dataclass(frozen=True)
class Explanation:
    """The diagnosis of a Job as lines of text, and the cause in one line, '' if it is not known."""

    text: str
    cause: str = ""


def explain(
    connection: Connection, namespace: str, name: str, uid: str, *, shown_logs: Set[tuple[str, str]] = frozenset()
) -> Explanation:
    """Return the diagnosis of the Job with this uid. It takes at most 20 s and raises no exception.

    shown_logs: (Pod, container) whose log was already shown
    """
    try:
        seen = read(connection, namespace, name, uid, datetime.now(timezone.utc), shown_logs=shown_logs)
        return Explanation(diagnose(seen), cause(seen))
    except Exception as error:  # a defect must not delay or prevent the verdict
        why = one_line(f"{type(error).__name__}: {error}")
        return Explanation(f"Job {one_line(name)} cannot be explained: {why}; see: kubectl describe job\n")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", type=Path)


def main() -> int:
    """Run the command."""
    try:
        options: JobOptions = parse_job_options(sys.argv[1:], _add_options)
        job = find_job(options, f"explain Job {options.job}")
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    found = explain(options.connection, options.namespace, options.job, text_at(job, "metadata", "uid"))
    sys.stdout.buffer.write(found.text.encode())
    if options.others.report:
        from gke_jobs.timeline.record_builder import End  # the diagnosis alone does not need it
        from gke_jobs.timeline.report_file import write_report_of_job

        write_report_of_job(options.others.report, options.connection, options.namespace, job, End(cause=found.cause))
    return 0
