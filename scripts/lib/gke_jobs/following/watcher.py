"""Watches all Jobs of the toolkit in a namespace, for any number of waiters.

command.py watch-jobs CONNECTION --namespace NAME [--unreachable-timeout SECONDS] -- PROXY

stdout: one line of JSON for each change; scripts/watch-jobs --help describes it. Ends with 129 when stdout is closed.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence

from gke_jobs import exit_codes
from gke_jobs.connection import Connection
from gke_jobs.following.events import Finish, Kind, List, Message, ReadWorkloads, Watch
from gke_jobs.following.overview import Overview, Report
from gke_jobs.following.streaming import Streaming
from gke_jobs.labels import IDENTITY, MANAGED_BY, MANAGER
from gke_jobs.messages import ERROR, WARNING, ScriptError, log, log_or_fail
from gke_jobs.options import take_connection
from gke_jobs.plain_text import json_line
from gke_jobs.reads import UNREACHABLE_SECONDS


def main() -> None:
    """Run the command; exit without waiting for its threads."""
    try:
        status = _watch(sys.argv[1:])
    except ScriptError as error:
        log(str(error), ERROR)
        status = error.status
    except OSError:  # the reader has gone, or the disk for stdout is full
        status = exit_codes.INTERRUPTED
    os._exit(status)


def _watch(argv: list[str]) -> int:
    connection, words = take_connection(argv)
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--unreachable-timeout", type=float, default=UNREACHABLE_SECONDS)
    options = parser.parse_args(words)
    overview = Overview(options.namespace, options.unreachable_timeout, reports_queues=True)
    return run(connection, options.namespace, overview, _print)


def _print(reports: Sequence[Report]) -> None:
    for report in reports:
        sys.stdout.write(json_line(report.content) + "\n")
    sys.stdout.flush()


def run(
    connection: Connection, namespace: str, overview: Overview, take: Callable[[Sequence[Report]], float | None]
) -> int:
    """Watch until that fails; return the exit code.

    namespace: '' for all namespaces
    take: is called with new reports, perhaps none, and returns when to call it again if nothing happens before
    """
    threading.Thread(target=_end_without_reader, daemon=True).start()
    streaming = Streaming(connection, namespace, _selector)
    actions = overview.begin(time.monotonic())
    while True:
        for action in actions:
            if isinstance(action, Message):
                log_or_fail(action.text, WARNING if action.is_warning else "")
            elif isinstance(action, List):
                streaming.list(action.kind, "")
            elif isinstance(action, Watch):
                streaming.watch(action.kind, "", action.version)
            elif isinstance(action, ReadWorkloads):
                streaming.read_workloads(action.uids)
            elif isinstance(action, Finish):
                log(action.reason, ERROR)
                return action.status
        times = take([action for action in actions if isinstance(action, Report)]), overview.deadline()
        deadline = min((due for due in times if due is not None), default=None)
        event = streaming.next(None if deadline is None else deadline - time.monotonic())
        actions = overview.handle(event, time.monotonic())


def _selector(kind: Kind, _uid: str) -> dict[str, str]:
    return {"labelSelector": f"{MANAGED_BY}={MANAGER}" if kind is Kind.JOB else IDENTITY}


def _end_without_reader() -> None:
    """End the program when its output pipe is closed: it may have nothing to write for hours."""
    poll = select.poll()
    poll.register(1, select.POLLERR)
    if any(events & select.POLLERR for _, events in poll.poll()):
        os._exit(exit_codes.INTERRUPTED)
