"""What the stress runs share: a task instance whose tries are processes of ours, and looking at what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

SCRIPTS = Path(__file__).parents[2] / "scripts"
MARK = "GKE_JOB_STRESS_MARK"
PATIENCE = 60  # seconds until what should happen counts as not happening
CAUGHT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class WrongError(Exception):
    """Something that must hold does not."""


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
        """The command that runs a script for this task."""
        return ["bash", str(SCRIPTS / script), "--namespace", self.namespace, *options]

    def start(self, try_number: int, command: list[str]) -> Popen[bytes]:
        """Start a try as BashOperator does: in a session of its own, and with no signal ignored, whoever started us."""
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
        """The file with what a try said."""
        return self.directory / f"err.{try_number}"

    def result(self, try_number: int) -> str:
        """What a try printed."""
        return (self.directory / f"out.{try_number}").read_text()

    def processes(self) -> list[bytes]:
        """The command lines of this task's processes, wherever they have gone."""
        mark = f"{MARK}={self.mark}".encode()
        processes = Path("/proc").glob("[0-9]*")
        return [_read(process / "cmdline") for process in processes if mark in _read(process / "environ").split(b"\0")]

    def jobs(self) -> list[dict[str, Any]]:
        """The Jobs of this task."""
        command = ["kubectl", "get", "jobs", "--namespace", self.namespace, "--output", "json"]
        jobs = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["items"]
        return [job for job in jobs if job["metadata"].get("annotations", {}).get("gke-job/run-id") == self.name]


def gcloud_options() -> list[str]:
    """The options that let gcloud lead to the cluster in use, with its own credentials, whose tokens cost most."""
    options = ("project", "location", "cluster")
    place = [word for option in options for word in (f"--{option}", os.environ[f"LOCALGKE_{option.upper()}"])]
    return [*place, "--auth", "gcloud"]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has ended meanwhile
        return b""


def check(holds: object, message: str) -> None:
    if not holds:
        raise WrongError(message)


def ends(what: Callable[[], object], message: str, said: Callable[[], object] = str) -> None:
    """Wait until `what` holds; `said` gives the details where it does not."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            raise WrongError(f"{message} after {PATIENCE} s: {said()}")
        time.sleep(0.05)
