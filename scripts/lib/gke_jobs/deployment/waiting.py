"""Waits until Airflow has parsed the DAGs with the release that is in the bucket; for deploy-dags.

command.py release-parsed --airflow ADDRESS --image VERSION --pointer FILE --address gs://... --timeout SECONDS
    [--prefix NAME] [--written TIME]

--pointer is a copy of the file in the bucket that names the release, --address its address, and --written when it was
written there, in seconds since the epoch; default: now. Exit codes: 65 if a DAG cannot be imported because of the
release, or DAGs no longer use it; 124 after the timeout; 69 and 77 if Airflow cannot be asked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NoReturn, Protocol

from gke_jobs import exit_codes
from gke_jobs.deployment.airflow_api import Airflow, Answers
from gke_jobs.deployment.deployed import read_pointer
from gke_jobs.deployment.gcloud import Pointer, access_token
from gke_jobs.deployment.parsed import Progress, describe, error_keys, evaluate, parsed_after, shown
from gke_jobs.deployment.storage_time import storage_time
from gke_jobs.deployment.unanswered import DeniedError, UnansweredError
from gke_jobs.messages import ERROR, WARNING, ScriptError, die, log
from gke_jobs.plain_text import duration

POLL_SECONDS = 10.0
HEARTBEAT_SECONDS = 60.0
LOGIN_SECONDS = 60.0
READ_SECONDS = 300.0  # for all requests of one query of Airflow
CHECK_SECONDS = 30.0  # for gcloud to read the pointer
ADVICE = {
    exit_codes.CONFIG: "compare with config.airflowUri of: gcloud composer environments describe",
    exit_codes.DENIED: "give this account roles/composer.user, and in Airflow a role that reads DAGs and import "
    "errors, such as Viewer, and allow this machine in the web server's access control",
    exit_codes.UNREACHABLE: "check whether this machine can reach the environment's web server",
}


class Reader(Protocol):
    """The interface of Airflow."""

    def read(self, seconds: float) -> Answers:
        """Return the answers. UnansweredError if they do not arrive within so many seconds."""


@dataclass(frozen=True)
class Clock:
    """A monotonic clock in seconds, and its sleep."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, kw_only=True)
class Request:
    """The request to wait for a release.

    prefix: the folder of the team below dags/; delay: seconds until a file that is parsed has the release, negative if
    that time has passed; timeout: for how many seconds to ask from that time, or from now, whichever is later
    """

    release: str
    prefix: str = ""
    delay: float
    timeout: float


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("airflow", "image", "address"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--pointer", type=Path, required=True)
    parser.add_argument("--timeout", type=float, required=True)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--written", type=float)
    options = parser.parse_args(sys.argv[1:])
    deployed = read_pointer(options.pointer.read_bytes().decode())
    pointer = Pointer(options.address, deployed)
    try:
        airflow = _log_in(options.airflow, options.image)
        now = storage_time()
        after = parsed_after(deployed, now if options.written is None else options.written)
        request = Request(release=deployed.current, prefix=options.prefix, delay=after - now, timeout=options.timeout)
        Wait(airflow, pointer.check, request).run()
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    return exit_codes.SUCCEEDED


def _log_in(address: str, image: str) -> Airflow:
    """Return a client of Airflow with a token. gcloud may need seconds, which do not count for the timeout."""
    try:
        airflow = Airflow(address, image, access_token)
        airflow.log_in(LOGIN_SECONDS)
    except (ScriptError, DeniedError) as error:
        _cannot_ask(error)
    except UnansweredError as error:
        log(f"cannot query Airflow: {error}; retrying", WARNING)
    return airflow


class Wait:
    """The wait for one release."""

    def __init__(
        self, airflow: Reader, check: Callable[[float], None], request: Request, clock: Clock | None = None
    ) -> None:
        """Check: raises ScriptError if DAGs no longer use the release; takes a limit in seconds."""
        self._airflow = airflow
        self._check = check
        self._request = request
        self._clock = clock or Clock()
        now = self._clock.now()
        self._due = now + request.delay
        self._end = max(self._due, now) + request.timeout
        self._after: datetime | None = None  # the time _due by the clock of Airflow, None until that is known
        self._before: frozenset[tuple[str, str, str]] | None = None
        self._checked_at = now
        self._logged, self._logged_at = "", now

    def run(self) -> None:
        """Return when Airflow has parsed all DAGs with the release. ScriptError in every other case."""
        last: Progress | UnansweredError | None = None
        while True:
            found = self._look()
            if isinstance(found, UnansweredError) and self._clock.now() >= self._end:
                found = last or found  # the timeout interrupted the query
            last = found
            if isinstance(found, Progress) and not found.missing:
                return _end(found, self._request)
            now = self._clock.now()
            if found is None:
                early = self._due - now
                self._log(f"waiting for {_duration(early)}: DAGs parsed after that use the release")
                self._sleep(min(HEARTBEAT_SECONDS, early))
                continue
            if isinstance(found, Progress):
                self._log(describe(found))
            else:
                self._log(f"cannot query Airflow: {found}; retrying", WARNING)
            self._sleep(min(POLL_SECONDS, self._end - now))
            if self._clock.now() >= self._end:
                return _end(found, self._request)

    def _look(self) -> Progress | UnansweredError | None:
        """Return the progress of Airflow, or why it is not known; None before _due."""
        try:
            asked = self._clock.now()
            answers = self._airflow.read(min(READ_SECONDS, self._end - asked))
            now = self._clock.now()
            if self._after is None:  # by the clock of Airflow; a slow answer makes it later, never earlier
                self._after = answers.time + timedelta(seconds=self._due - asked)
                self._before = error_keys(answers.errors) if now < self._due else None
            progress = None
            if now >= self._due:
                progress = evaluate(answers.dags, answers.errors, self._after, self._before, self._request.prefix)
            if now >= self._checked_at + HEARTBEAT_SECONDS or (progress and not progress.missing):
                self._checked_at = now
                self._check(CHECK_SECONDS)
        except UnansweredError as error:
            if isinstance(error, DeniedError) and self._after is None:
                _cannot_ask(error)
            return error
        return progress

    def _sleep(self, seconds: float) -> None:
        self._clock.sleep(max(seconds, 0))

    def _log(self, words: str, level: str = "") -> None:
        now = self._clock.now()
        if words != self._logged or now >= self._logged_at + HEARTBEAT_SECONDS:
            self._logged, self._logged_at = words, now
            log(words, level)


def _end(found: Progress | UnansweredError, request: Request) -> None:
    if isinstance(found, UnansweredError):
        _cannot_ask(found)
    for file, line in found.broken.items():
        log(f"{file}: {line}", ERROR)
    if found.missing:
        die(
            exit_codes.TIMEOUT,
            f"Airflow has not parsed {shown(found.missing)} within {request.timeout:.0f} s: {found.parsed} of "
            f"{found.total} DAGs are parsed; release {request.release} is in the bucket: see the log "
            "of the DAG processor, or run this again to continue waiting",
        )
    others = f"; {found.others} files have other import errors" if found.others else ""
    log(f"done: Airflow has parsed {found.parsed} DAGs with release {request.release}{others}")
    if not found.total:
        log(
            "Airflow shows this account no active DAG: none exists, or the account has no permission to read them",
            WARNING,
        )
    if found.broken:
        die(
            exit_codes.DATA,
            f"{len(found.broken)} DAG files cannot be imported, see above: they use the toolkit, or the error "
            "is new; correct them, or roll back with --use",
        )


def _cannot_ask(error: UnansweredError | ScriptError) -> NoReturn:
    die(
        error.status,
        f"cannot check whether Airflow has parsed the DAGs: {error}; the deployment is complete, only this check is "
        f"missing: {ADVICE[error.status]}, and run this again, or add --async to skip it",
    )


def _duration(seconds: float) -> str:
    return duration(datetime.fromtimestamp(0, timezone.utc), datetime.fromtimestamp(seconds, timezone.utc))
