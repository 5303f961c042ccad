"""Lists the Jobs of the toolkit, each with its task.

command.py job-list CONNECTION (--namespace NAME | --all-namespaces) [--dag-id ID] [--state STATE]
                    [--older-than SECONDS] [--newer-than SECONDS] [--json] [--watch]
                    [--unreachable-timeout SECONDS] -- PROXY
stdout: a table, or one line with a JSON list of objects. With --watch it is printed again when a row changes, appears
or disappears, and each minute for the ages, until the command is stopped.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from gke_jobs import labels
from gke_jobs.connection import Connection, jobs_path, pods_path
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods import phase_of
from gke_jobs.job_rows import STATES, Filters, describe, fitted, table
from gke_jobs.json_access import Json, dict_at, list_at, text_at
from gke_jobs.messages import ERROR, ScriptError, log
from gke_jobs.options import take_connection
from gke_jobs.plain_text import json_line, one_line
from gke_jobs.reads import UNREACHABLE_SECONDS, Reader

Found = Iterable[tuple[Json, Sequence[Phase]]]  # Jobs, each with the phases of its Pods
CLEAR = "\x1b[H\x1b[2J"  # clears a terminal and moves the cursor to its first line
CLOCKS = ("age", "duration")  # fields of a description that change with time
AGE_SECONDS = 60.0  # after which a list is printed again if only these have changed


def main() -> int:
    """Print the list."""
    try:
        connection, words = take_connection(sys.argv[1:])
        options = _parse(words)
        if options.watch:
            return _watch(connection, options)
        found = _read(Reader(connection=connection, unreachable_seconds=options.unreachable_timeout), options.namespace)
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    jobs = described(found, options, datetime.now(timezone.utc))
    if not jobs:
        log(f"{_place(options)} has no Jobs of the toolkit{' that match' if _filters(options) != Filters() else ''}")
    print(_text(jobs, options), end="")
    return 0


def _parse(words: Sequence[str]) -> Any:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--namespace")
    place.add_argument("--all-namespaces", dest="namespace", action="store_const", const="")
    parser.add_argument("--dag-id", default="")
    parser.add_argument("--state", default="", choices=("", *STATES))
    for name in ("older-than", "newer-than"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("json", "watch"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--unreachable-timeout", type=float, default=UNREACHABLE_SECONDS)
    return parser.parse_args(words)


def _filters(options: Any) -> Filters:
    return Filters(
        dag_id=options.dag_id, state=options.state, older_than=options.older_than, newer_than=options.newer_than
    )


def _place(options: Any) -> str:
    return f"namespace {one_line(options.namespace)}" if options.namespace else "the cluster"


def _read(reader: Reader, namespace: str) -> list[tuple[Json, list[Phase]]]:
    query = {"labelSelector": f"{labels.MANAGED_BY}={labels.MANAGER}"}
    jobs = reader.list("list the Jobs", jobs_path(namespace), query)
    phases = defaultdict[str, list[Phase]](list)
    for pod in reader.list("list their Pods", pods_path(namespace), {"labelSelector": labels.IDENTITY}) if jobs else ():
        phases[_job_uid(pod)].append(phase_of(pod))
    return [(job, phases.get(text_at(job, "metadata", "uid"), [])) for job in jobs]


def _job_uid(pod: Json) -> str:
    owners = map(dict_at, list_at(pod, "metadata", "ownerReferences"))
    return next((text_at(owner, "uid") for owner in owners if owner.get("controller") is True), "")


def described(found: Found, options: Any, now: datetime) -> list[dict[str, str]]:
    """Return the descriptions of the Jobs that match the filters, oldest first."""
    filters = _filters(options)
    jobs = sorted(found, key=lambda one: text_at(one[0], "metadata", "creationTimestamp"))
    return [describe(job, now, phases) for job, phases in jobs if filters.match(job, now)]


def _text(jobs: list[dict[str, str]], options: Any) -> str:
    return f"{json_line(jobs)}\n" if options.json else table(jobs, namespaces=not options.namespace)


def _watch(connection: Connection, options: Any) -> int:
    from gke_jobs.following.listing import watch  # needed only to watch: it uses threads

    lists = Lists()
    is_first = True

    def show(found: Found) -> float:
        nonlocal is_first
        found, now = list(found), datetime.now(timezone.utc)
        jobs, clock = described(found, options, now), time.monotonic()
        if lists.is_new(jobs, clock):
            text = _text(jobs, options)
            if options.json:
                before = ""
            elif sys.stdout.isatty():
                before, text = CLEAR, fitted(text, *shutil.get_terminal_size())
            else:
                before = "" if is_first else "\n"
            is_first = False
            sys.stdout.write(before + text)
            sys.stdout.flush()
        return min(lists.refresh_at - clock, seconds_to_change(found, options, now))

    return watch(connection, options.namespace, options.unreachable_timeout, show)


def seconds_to_change(found: Found, options: Any, now: datetime) -> float:
    """Return after how many seconds a Job appears or disappears only because of its age."""
    filters = _filters(options)
    times = (filters.seconds_to_change(job, now) for job, _ in found)
    return min((seconds for seconds in times if seconds is not None), default=AGE_SECONDS)


class Lists:
    """Decides which lists are printed. refresh_at: when a list is printed in which only the ages have changed."""

    def __init__(self) -> None:
        self.refresh_at = 0.0
        self._last: list[dict[str, str]] | None = None

    def is_new(self, jobs: list[dict[str, str]], now: float) -> bool:
        """Whether a list differs from the last one that was printed."""
        if self._last is not None and now < self.refresh_at and _rows(jobs) == _rows(self._last):
            return False
        is_new = jobs != self._last
        self._last, self.refresh_at = jobs, now + AGE_SECONDS
        return is_new


def _rows(jobs: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: text for name, text in job.items() if name not in CLOCKS} for job in jobs]
