"""Waits until Airflow has parsed the DAGs with the release that is in the bucket; for deploy-dags.

command.py release-parsed --airflow ADDRESS --image VERSION --pointer FILE --written TIME --timeout SECONDS
    [--copied]

--pointer is the file in the bucket that names the release, and --written when it was written there, in seconds since
the epoch; --copied: files of the release were copied. Exit codes: 65 where a DAG cannot be imported for the release,
124 where the time is over, 69 and 77 where Airflow cannot be asked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

from gke_jobs import exit_codes
from gke_jobs.deployment.airflow_api import Airflow, UnansweredError, access_token
from gke_jobs.deployment.deployed import read_pointer
from gke_jobs.deployment.parsed import Progress, asked_from, describe, judge, shown, texts_of
from gke_jobs.json_access import Json
from gke_jobs.messages import ERROR, WARNING, ScriptError, die, log
from gke_jobs.plain_text import duration

POLL_SECONDS = 10.0
HEARTBEAT_SECONDS = 60.0
UNREACHABLE_SECONDS = 300.0  # a web server that is restarted is away for minutes
LONGEST_DELAY = 30.0
ADVICE = {
    exit_codes.DENIED: "give this account roles/composer.user, and in Airflow a role that reads DAGs and import "
    "errors, such as Viewer, and let the web server's access control admit this machine",
    exit_codes.UNREACHABLE: "see whether this machine reaches the environment's web server",
}


@dataclass(frozen=True)
class Clock:
    """The time, in seconds since the epoch, and how to let it pass."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("airflow", "image"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--pointer", type=Path, required=True)
    for name in ("written", "timeout"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--copied", action="store_true")
    options = parser.parse_args(sys.argv[1:])
    deployed = read_pointer(options.pointer.read_bytes().decode())
    after = asked_from(deployed, options.written, is_copied=options.copied)
    try:
        try:
            airflow = Airflow(options.airflow, options.image, access_token)
        except ScriptError as error:
            _cannot_ask(error.status, str(error))
        wait_until_parsed(airflow, deployed.current, after, options.timeout)
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    return exit_codes.SUCCEEDED


def wait_until_parsed(airflow: Airflow, release: str, after: float, seconds: float, clock: Clock | None = None) -> None:
    """Return when Airflow has parsed all DAGs after that time. ScriptError in every other case.

    :param seconds: how long to ask, from that time on
    """
    clock = clock or Clock()
    moment = datetime.fromtimestamp(after, timezone.utc)
    before = None
    if after > clock.now():
        # What is not permitted is known at once, and which errors are not of this release.
        before = texts_of(_ask(airflow, UNREACHABLE_SECONDS, clock)[1])
        log(f"waiting until {moment:%H:%M:%S} UTC: what is parsed from then on has release {release} for sure")
    while (left := after - clock.now()) > 0:
        clock.sleep(min(left, HEARTBEAT_SECONDS))
        if (left := after - clock.now()) > 0:
            log(f"Airflow is asked in {_duration(left)}")
    began = clock.now()
    told, told_at = "", began
    while True:
        answers = _ask(airflow, min(UNREACHABLE_SECONDS, began + seconds - clock.now()), clock)
        progress = judge(*answers, moment, before)
        words, now = describe(progress), clock.now()
        if not progress.missing or now >= began + seconds:
            return _end(progress, release, seconds)
        if words != told or now - told_at >= HEARTBEAT_SECONDS:
            told, told_at = words, now
            log(words)
        clock.sleep(min(POLL_SECONDS, began + seconds - now))


def _end(progress: Progress, release: str, seconds: float) -> None:
    for file, line in progress.broken.items():
        log(f"{file}: {line}", ERROR)
    if progress.missing:
        die(
            exit_codes.TIMEOUT,
            f"Airflow has not parsed {shown(progress.missing)} within {seconds:.0f} s: {progress.parsed} of "
            f"{progress.total} DAGs are parsed; release {release} is in the bucket all the same: see the log of the "
            "DAG processor, or run this again to go on waiting",
        )
    others = f"; {progress.others} files have other import errors" if progress.others else ""
    log(f"done: Airflow has parsed {progress.parsed} DAGs with release {release}{others}")
    if not progress.total:
        log("Airflow shows this account no active DAG: there is none, or it may not read them", WARNING)
    if progress.broken:
        die(
            exit_codes.DATA,
            f"{len(progress.broken)} DAG files cannot be imported, see above: they use the toolkit, or there was no "
            "such error before; correct them, or go back with --use",
        )


def _ask(airflow: Airflow, patience: float, clock: Clock) -> tuple[list[Json], list[Json]]:
    """Return DAGs and import errors; ask for as long as there may be no answer."""
    until, delay = clock.now() + patience, 1.0
    while True:
        try:
            return airflow.dags(), airflow.import_errors()
        except UnansweredError as error:
            words = str(error)
        except ScriptError as error:
            _cannot_ask(error.status, str(error))
        left = until - clock.now()
        if left <= 0:
            _cannot_ask(exit_codes.UNREACHABLE, words)
        log(f"cannot ask Airflow: {words}; trying again in {delay:g} s", WARNING)
        clock.sleep(min(delay, left))
        delay = min(delay * 2, LONGEST_DELAY)


def _cannot_ask(status: int, words: str) -> NoReturn:
    die(
        status,
        f"cannot ask Airflow whether it has parsed the DAGs: {words}; the deployment is complete, only this check is "
        f"missing: {ADVICE[status]}, and run this again, or add --async to go without it",
    )


def _duration(seconds: float) -> str:
    return duration(datetime.fromtimestamp(0, timezone.utc), datetime.fromtimestamp(seconds, timezone.utc))
