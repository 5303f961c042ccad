"""Runs a command and reports what all its processes have cost, those that it left behind included.

    python accounted.py --report FILE --limit SECONDS COMMAND...

The command gets a session of its own, as a task of Airflow has. This process is a subreaper: descendants whose parent
has ended become its children, and it waits for them too, since getrusage counts only processes that were waited for.
FILE gets one JSON object: `code`, the command's exit code; `began` and `ended`, seconds of the monotonic clock; `cpu`,
user and system seconds of all processes; `orphans`, how many had lost their parent, and `orphans_cpu`, their share;
`killed`, whether the limit ended the command, or something still ran STRAY_SECONDS after its end.
SIGTERM goes on to the command alone.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STRAY_SECONDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--report", required=True, type=Path)
    parser.add_argument("--limit", required=True, type=int)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    report = json.dumps(account(options.command, options.limit))
    unfinished = options.report.with_suffix(".part")
    unfinished.write_text(report)
    unfinished.rename(options.report)


def prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def account(command: list[str], limit: int) -> dict[str, Any]:
    """The report. Returns when no descendant is left."""
    killed = False

    def kill_all(*_: object) -> None:
        nonlocal killed
        killed = True
        for process in descendants(os.getpid()):
            kill(process, signal.SIGKILL)
        signal.alarm(1)  # for those that were being started

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process sends SIGTERM
    began = time.monotonic()
    defaults = [signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ]
    pid = os.posix_spawnp(command[0], command, os.environ, setsid=True, setsigdef=defaults)
    signal.signal(signal.SIGTERM, lambda *_: kill(pid, signal.SIGTERM))
    signal.signal(signal.SIGALRM, kill_all)
    signal.alarm(limit)
    ended, code, orphans, orphans_cpu = 0.0, -1, 0, 0.0
    while True:
        try:
            child, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        if child == pid:
            ended, code = time.monotonic(), os.waitstatus_to_exitcode(status)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.alarm(STRAY_SECONDS)
        else:
            orphans, orphans_cpu = orphans + 1, orphans_cpu + usage.ru_utime + usage.ru_stime
    signal.alarm(0)
    everything = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {"code": code, "began": began, "ended": ended, "cpu": everything.ru_utime + everything.ru_stime}
    return report | {"orphans": orphans, "orphans_cpu": orphans_cpu, "killed": killed}


def kill(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
        os.kill(process, number)


def descendants(process: int) -> list[int]:
    """The processes below that one, now."""
    parents: dict[int, int] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            stat = (directory / "stat").read_text()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(directory.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [process]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


if __name__ == "__main__":
    main()
