"""Runs programs that end at the latest with this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gke_jobs.connection import TIED

SECONDS = 60.0  # for a program to end


@dataclass(frozen=True, kw_only=True)
class Done:
    """The output of a program. status: its exit code, None if it could not be started or did not end in time."""

    status: int | None
    stdout: str
    stderr: str


def run(
    words: Sequence[str], *, stdin: str = "", environ: Mapping[str, str] | None = None, seconds: float = SECONDS
) -> Done:
    """Run a program and wait for its end. If this process ends first, in any way, the program is killed."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", TIED, str(os.getpid()), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # a process group for the program and its credential plugin
        )
    except (OSError, ValueError) as error:
        return Done(status=None, stdout="", stderr=str(error))
    try:
        stdout, stderr = process.communicate(stdin, seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Done(status=None, stdout="", stderr=f"{words[0]} has not ended within {seconds:.0f} s")
    return Done(status=process.returncode, stdout=stdout, stderr=stderr)
