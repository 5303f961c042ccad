"""Writes the report of a run that was ended by a signal, of what its follower has seen: it asks nothing of the cluster.

command.py interrupted-report --record FILE --status EXIT-CODE --reason TEXT --to FILE
--record: what the follower has left (timeline/leaving.py). Exit codes: 0, 78 when there is no record.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.plain_text import one_line
from gke_jobs.timeline.page import html
from gke_jobs.timeline.record import record_from_json


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--status", type=int, required=True)
    parser.add_argument("--reason", required=True)
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args(sys.argv[1:])
    try:
        record = record_from_json(json.loads(given.record.read_bytes()))
    except (OSError, ValueError):
        return exit_codes.CONFIG
    ended = replace(record, status=given.status, outcome="interrupted", reason=one_line(given.reason))
    given.to.write_text(html(ended), encoding="utf-8")
    return 0
