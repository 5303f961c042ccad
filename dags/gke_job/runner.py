"""Runs one script of the toolkit for a task, logs its output, and returns its last line.

With GKE_JOB_LEVELS a script starts a warning with `<4>` and an error with `<3>`, as in sd-daemon(3). Lines of
containers never start like this, because follow-job prefixes them with the name of the Pod.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from subprocess import PIPE, STDOUT, Popen, TimeoutExpired
from typing import Any

from .run_directory import RunDirectory, error_contains

KILL_SECONDS = 3  # timeout for a script to end after a signal
LEVEL = re.compile(r"<([34])>")
BAR = re.compile(r"  .*\[.*\]")  # a row of the timeline; a line of a Pod starts with the name of the Pod
GAP = re.compile(" {2,}")


class Runner:
    """Runs scripts, one after the other.

    :param log: the logger of the task
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._process: Popen[bytes] | None = None
        self._directory: RunDirectory | None = None
        self.status = 0  # exit code of the last script

    def run(
        self,
        argv: list[str],
        directory: RunDirectory,
        *,
        variables: Mapping[str, str],
        cluster: str,
        skipped: Collection[int] = (),
        cwd: str | None = None,
        encoding: str = "utf-8",
        on_job: Callable[[str, str, str], Any] | None = None,
    ) -> str:
        """Runs a script until it ends; returns the last line that it printed.

        :param argv: its command line
        :param directory: the directory of its files
        :param variables: its environment variables
        :param cluster: the cluster, as the message of the exception shows it
        :param skipped: exit codes of containers for which the task is skipped
        :param cwd: its working directory; by default `directory`
        :param encoding: the encoding of its output
        :param on_job: called once with name, namespace and uid, when the script has reported its Job
        :raises AirflowException: the exit code is not 0; RunDirectory.error makes the exception
        """
        self._directory = directory
        self._process = process = Popen(  # noqa: S603 # no shell reads these words
            argv,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=cwd or directory.path,
            env={**variables, "GKE_JOB_CALLER_DIR": str(directory.path), "GKE_JOB_LEVELS": "yes"},
            start_new_session=True,  # a signal to the task does not reach the script
        )
        held_errors: list[str] = []  # not logged if the exception contains them, as it usually does
        error = None
        last = ""
        try:
            for last in _lines(process, encoding):
                self._print(last, held_errors)
                if on_job and (job := directory.job()) and job[2]:
                    call, on_job = on_job, None
                    call(*job)
            self.status = process.wait()
            if self.status:
                error = directory.error(self.status, cluster, skipped)
        finally:
            for text in held_errors:
                if error is None or not error_contains(error, text):
                    self._log.error("%s", text)
        if error is not None:
            raise error
        return last

    def is_running(self) -> bool:
        """Returns whether a script is running."""
        return self._process is not None and self._process.poll() is None

    def has_reported_job(self) -> bool:
        """Returns whether the last script has reported the uid of its Job. After that, a signal deletes the Job."""
        job = self._directory.job() if self._directory else None
        return job is not None and job[2] != ""

    def end(self, *, keep_job: bool) -> None:
        """Ends the running script, and waits until it has deleted the Job or, with `keep_job`, has ended."""
        process = self._process
        assert process  # noqa: S101 # the caller has checked is_running
        # The process leads a group; run-job --help documents PWR.
        os.killpg(process.pid, signal.SIGPWR if keep_job else signal.SIGTERM)
        with suppress(TimeoutExpired):
            process.wait(timeout=KILL_SECONDS)

    def _print(self, line: str, held_errors: list[str]) -> None:
        level = LEVEL.match(line)
        if level is None:
            # Airflow's UI shows several spaces as one, and the columns would not be aligned.
            is_row = BAR.match(line) is not None
            self._log.info("%s", GAP.sub(lambda gap: "\u00a0" * len(gap[0]), line) if is_row else line)
        elif level[1] == "3":
            held_errors.append(line[level.end() :])
        else:
            self._log.warning("%s", line[level.end() :])


def _lines(process: Popen[bytes], encoding: str) -> Iterator[str]:
    """Yields the lines that the script prints, until it has ended.

    When `execution_timeout` interrupts this, the pipe stays open. on_kill runs later, and the script must still be able
    to print.
    """
    assert process.stdout  # noqa: S101 # it is a pipe
    for raw in iter(process.stdout.readline, b""):
        yield raw.decode(encoding, errors="backslashreplace").rstrip()
    process.stdout.close()
