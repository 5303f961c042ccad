"""The outputs at the end of a run: timeline and summary in the log, the summary for the operator, a report."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gke_jobs.caller import tell_caller
from gke_jobs.json_access import Json
from gke_jobs.messages import WARNING, log
from gke_jobs.plain_text import one_line
from gke_jobs.timeline.pod_history import PodHistory
from gke_jobs.timeline.record import Record
from gke_jobs.timeline.record_builder import End, make_record

CLUSTER = "GKE_JOB_CLUSTER"  # PROJECT/LOCATION/NAME, set by scripts/lib/bash/cluster.bash
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPWR)


def record_now(job: Json, pods: PodHistory, end: End, log_bytes: int) -> Record:
    """Return the record of a run that ends now."""
    return make_record(job, pods, end, time.time(), cluster=os.environ.get(CLUSTER, ""), log_bytes=log_bytes)


def print_end(record: Record) -> None:
    """Write the summary and the timeline to stderr, and leave the summary in a file for the operator.

    Raises OSError if the reader has gone. A defect is only logged, because the verdict must follow.
    """
    from gke_jobs.timeline.summary import summary, summary_line  # the many checks of a deferred task do not need it
    from gke_jobs.timeline.text import text

    try:
        output = f"{summary_line(record)}\n{text(record)}"
        tell_caller("summary.json", json.dumps(summary(record)))
    except Exception as error:
        log(f"cannot create the timeline: {one_line(f'{type(error).__name__}: {error}')}", WARNING)
        return
    sys.stderr.write(output)
    sys.stderr.flush()


def write_at_signal(file: Path, record: Callable[[], Record | None]) -> None:
    """Write the record to a file when a signal ends this process: run-job prints it after it has deleted the Job.

    record: returns None if the Job was not seen yet
    """

    def leave(number: int, _: object) -> None:
        with suppress(Exception):
            if made := record():
                new = file.with_suffix(".new")
                new.write_text(json.dumps(made.to_json()))
                new.rename(file)
        os._exit(128 + number)

    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)
