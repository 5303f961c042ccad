"""Runs one script of the toolkit for a task: its process, its lines in the task's log, its last line.

A script that runs with GKE_JOB_LEVELS begins a message with `<4>` for a warning and `<3>` for an error, as sd-daemon(3)
has it. Lines of containers never begin so: follow-job puts the name of the Pod before each.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from subprocess import PIPE, STDOUT, Popen, TimeoutExpired
from typing import Any

from .report import Report

KILL_SECONDS = 3  # from a signal until a script has ended
LEVEL = re.compile(r"<([34])>")
BAR = re.compile(r"  .*\[.*\]")  # a row of the timeline; a line of a Pod begins with the name of the Pod
GAP = re.compile(" {2,}")


class Runner:
    """Runs scripts, one after the other.

    :param log: the logger of the task
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._process: Popen[bytes] | None = None
        self._report: Report | None = None
        self.status = 0  # exit code of the last script

    def run(
        self,
        line: list[str],
        report: Report,
        *,
        environment: Mapping[str, str],
        cluster: str,
        skipped: Collection[int] = (),
        cwd: str | None = None,
        encoding: str = "utf-8",
        on_job: Callable[[str, str, str], Any] | None = None,
    ) -> str:
        """Runs a script to its end; returns the last line that it printed.

        :param line: its command line
        :param report: what it reads and leaves
        :param environment: its variables
        :param cluster: where its Job is, for people
        :param skipped: exit codes of containers for which the task is skipped
        :param cwd: where it runs; by default the directory of the report
        :param on_job: called once with name, namespace and uid, when the script has reported which Job it works on
        :raises AirflowException: the one for its exit code, which report.py makes
        """
        self._report = report
        self._process = process = Popen(  # noqa: S603 # no shell reads the words of the line
            line,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=cwd or report.path,
            env={**environment, "GKE_JOB_REPORT": str(report.path), "GKE_JOB_LEVELS": "yes"},
            start_new_session=True,  # a signal for the task is not one for the script
        )
        held: list[str] = []  # errors, which are most often what the exception says
        error = None
        last = ""
        try:
            for last in _lines(process, encoding):
                self._print(last, held)
                if on_job and (job := report.job()) and job[2]:
                    call, on_job = on_job, None
                    call(*job)
            self.status = process.wait()
            if self.status:
                error = report.error(self.status, cluster, skipped)
        finally:
            for text in held:
                if error is None or not report.is_said(text, error):
                    self._log.error("%s", text)
        if error is not None:
            raise error
        return last

    def is_running(self) -> bool:
        """Whether a script runs."""
        return self._process is not None and self._process.poll() is None

    def has_job(self) -> bool:
        """Whether the last script has reported the uid of its Job. From then on it ends the Job when it is ended."""
        job = self._report.job() if self._report else None
        return job is not None and job[2] != ""

    def end(self, *, keep_job: bool) -> None:
        """Ends the script that runs, and waits until it has deleted the Job or has let go of it."""
        process = self._process
        assert process  # noqa: S101 # it runs
        # The process leads a group; run-job --help documents PWR.
        os.killpg(process.pid, signal.SIGPWR if keep_job else signal.SIGTERM)
        with suppress(TimeoutExpired):
            process.wait(timeout=KILL_SECONDS)

    def _print(self, line: str, held: list[str]) -> None:
        level = LEVEL.match(line)
        if level is None:
            # Airflow's UI shows several spaces as one, and the columns would not stand below each other.
            is_row = BAR.match(line) is not None
            self._log.info("%s", GAP.sub(lambda gap: "\u00a0" * len(gap[0]), line) if is_row else line)
        elif level[1] == "3":
            held.append(line[level.end() :])
        else:
            self._log.warning("%s", line[level.end() :])


def _lines(process: Popen[bytes], encoding: str) -> Iterator[str]:
    """Yields what the script prints, until it has ended.

    Where `execution_timeout` breaks this off the pipe stays open: on_kill comes after that, and what the script prints
    then must not end it.
    """
    assert process.stdout  # noqa: S101 # it is a pipe
    for raw in iter(process.stdout.readline, b""):
        yield raw.decode(encoding, errors="backslashreplace").rstrip()
    process.stdout.close()
