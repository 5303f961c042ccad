"""Writes the report of a run. An error is only a warning: the verdict of the run does not depend on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from gke_jobs.connection import Connection
from gke_jobs.diagnosis.reading import read
from gke_jobs.diagnosis.seen import Seen
from gke_jobs.json_access import Json, text_at
from gke_jobs.messages import WARNING, log
from gke_jobs.plain_text import one_line
from gke_jobs.timeline.details import details_of
from gke_jobs.timeline.page import html, write_page
from gke_jobs.timeline.pod_history import PodHistory
from gke_jobs.timeline.record import Record
from gke_jobs.timeline.record_builder import End
from gke_jobs.timeline.run_end import record_now


def write_report(file: Path, connection: Connection, namespace: str, record: Record) -> None:
    """Write the report of a run that has ended."""
    _write(file, connection, namespace, record.job, record.uid, lambda _: record)


def write_report_of_job(file: Path, connection: Connection, namespace: str, job: Json, end: End) -> None:
    """Write the report of the present state of a Job, without Pods that have been removed."""

    def record(seen: Seen) -> Record:
        runs = PodHistory()
        for pod in seen.pods or []:
            runs.change(pod, is_deleted=False, now=time.time())
        return record_now(seen.job or job, runs, end, 0)

    name, uid = text_at(job, "metadata", "name"), text_at(job, "metadata", "uid")
    _write(file, connection, namespace, name, uid, record)


def _write(
    file: Path, connection: Connection, namespace: str, name: str, uid: str, make: Callable[[Seen], Record]
) -> None:
    shown = one_line(str(file))
    try:
        seen = read(connection, namespace, name, uid, datetime.now(timezone.utc))
        record = make(seen)
        write_page(file, html(record, details_of(connection, namespace, seen, record)))
    except OSError as error:
        why = error.strerror or type(error).__name__
        log(f"cannot write the report {shown}: {why}: free some space, or set another file or TMPDIR", WARNING)
    except Exception as error:  # a defect
        log(f"cannot create the report {shown}: {one_line(f'{type(error).__name__}: {error}')}", WARNING)
