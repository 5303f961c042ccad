"""Shared by the stress runs: a task instance whose tries are processes of this program, and checks of what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

from polling import wait_until

SCRIPTS = Path(__file__).parents[2] / "scripts"
MARK = "GKE_JOB_STRESS_MARK"
CAUGHT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class WrongError(Exception):
    """An invariant is violated."""


class Task:
    """A task instance of Airflow whose tries call run-job."""

    def __init__(
        self,
        name: str,
        directory: Path,
        namespace: str,
        values: object,
        *,
        template: str = "batch-job",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.name = name
        self.environ = environ
        self.namespace = namespace
        self.directory = directory
        self.private = directory / "private"
        self.private.mkdir(parents=True)
        self.values = directory / "values.json"
        self.values.write_text(json.dumps(values))
        self.template = ["--template", template, "--values", str(self.values)]
        self.mark = f"{name}.{os.getpid()}"

    def command(self, script: str, *options: str) -> list[str]:
        """Return the command that runs a script for this task."""
        return ["bash", str(SCRIPTS / script), "--namespace", self.namespace, *options]

    def start(self, try_number: int, command: list[str]) -> Popen[bytes]:
        """Start a try as BashOperator does: in its own session, with default signal handlers, not inherited ones."""
        environ = {
            **self.environ,
            "AIRFLOW_CTX_DAG_ID": "stress",
            "AIRFLOW_CTX_TASK_ID": "task",
            "AIRFLOW_CTX_DAG_RUN_ID": self.name,
            "AIRFLOW_CTX_TRY_NUMBER": str(try_number),
            "GKE_JOB_AIRFLOW_ENVIRONMENT": "stress",
            "TMPDIR": str(self.private),
            MARK: self.mark,
        }
        with (self.directory / f"out.{try_number}").open("wb") as out, self.errors(try_number).open("wb") as err:
            command = ["env", "--default-signal", *command]
            return Popen(command, env=environ, stdin=DEVNULL, stdout=out, stderr=err, start_new_session=True)

    def errors(self, try_number: int) -> Path:
        """Return the file with the stderr of a try."""
        return self.directory / f"err.{try_number}"

    def result(self, try_number: int) -> str:
        """Return the stdout of a try."""
        return (self.directory / f"out.{try_number}").read_text()

    def processes(self) -> list[bytes]:
        """Return the command lines of this task's processes, in whatever process group or session they are."""
        mark = f"{MARK}={self.mark}".encode()
        processes = Path("/proc").glob("[0-9]*")
        return [_read(process / "cmdline") for process in processes if mark in _read(process / "environ").split(b"\0")]

    def jobs(self) -> list[dict[str, Any]]:
        """Return the Jobs of this task."""
        command = ["kubectl", "get", "jobs", "--namespace", self.namespace, "--output", "json"]
        jobs = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["items"]
        return [job for job in jobs if job["metadata"].get("annotations", {}).get("gke-job/run-id") == self.name]


def gcloud_options() -> list[str]:
    """Return the options that select the current cluster with gcloud's credentials, whose tokens are the slowest."""
    options = ("project", "location", "cluster")
    place = [word for option in options for word in (f"--{option}", os.environ[f"LOCALGKE_{option.upper()}"])]
    return [*place, "--auth", "gcloud"]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has ended
        return b""


def check(holds: object, message: str) -> None:
    """Raise WrongError with `message` unless `holds`."""
    if not holds:
        raise WrongError(message)


def eventually(condition: Callable[[], object], expected: Callable[[], str]) -> None:
    """Wait until `condition` is true. Raise WrongError with `expected()` after the timeout of wait_until."""
    try:
        wait_until(condition, expected)
    except AssertionError as error:
        raise WrongError(str(error)) from None
