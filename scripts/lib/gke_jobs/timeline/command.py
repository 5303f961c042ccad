"""Prints the timeline and the summary of a run that a signal ended, or writes its report. It needs no cluster.

command.py timeline --record FILE --status EXIT-CODE --reason TEXT [--deleted] [--report FILE]
--record: the file of the follower (run_end.py); --deleted: its Job is deleted; --report: write the report instead.
stderr: timeline, summary and verdict. Exit codes: 0; 78 if there is no record, or the report cannot be written.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.messages import ERROR, log
from gke_jobs.plain_text import one_line
from gke_jobs.timeline.page import html, write_page
from gke_jobs.timeline.record import record_from_json
from gke_jobs.timeline.record_builder import INTERRUPTED
from gke_jobs.timeline.run_end import print_end


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--status", type=int, required=True)
    parser.add_argument("--reason", required=True)
    parser.add_argument("--deleted", action="store_true")
    parser.add_argument("--report", type=Path)
    given = parser.parse_args(sys.argv[1:])
    try:
        record = record_from_json(json.loads(given.record.read_bytes()))
    except (OSError, ValueError):
        return exit_codes.CONFIG
    reason = one_line(given.reason)
    ended = replace(record, status=given.status, outcome=INTERRUPTED, reason=reason, deleted=given.deleted)
    if given.report:
        try:
            write_page(given.report, html(ended))
        except OSError:
            return exit_codes.CONFIG
        return 0
    print_end(ended)
    log(reason, ERROR)
    return 0
