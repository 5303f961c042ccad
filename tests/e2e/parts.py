"""The parts of an Airflow, each of which can be stopped, killed, paused and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from e2e.processes import descendants, environment, is_alive, kill, processes


class Part:
    """A part of Airflow that runs: a process in a session of its own, and what it has started."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        self._arguments = arguments
        self._mark = f"LIVE_PART={log.stem}"
        self.start()

    def start(self) -> None:
        """Start it, again when it has ended."""
        airflow = Path(sys.executable).with_name("airflow")
        with self._log.open("ab") as file:
            self._process = subprocess.Popen(
                [airflow, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=dict([*os.environ.items(), self._mark.split("=", 1)]),
            )

    @property
    def pid(self) -> int:
        """The id of its first process."""
        return self._process.pid

    def said(self) -> str:
        """What it has logged since its first start."""
        return self._log.read_text()

    def stop(self) -> None:
        """Ask it to end, as Composer does at first; returns at once."""
        self._process.send_signal(signal.SIGTERM)

    def pause(self) -> None:
        """Stop it with all that it has started, as a machine that hangs does, until it goes on."""
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on where it was."""
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def has_ended(self) -> bool:
        """Whether its first process has."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill it with all that it has started, as the end of its container does."""
        while ours := self.processes():
            kill(*ours)
            self.has_ended()

    def processes(self) -> list[int]:
        """It, and what it has started that has not ended, if it has another parent now as well."""
        marks = {self._mark.encode(), f"AIRFLOW_HOME={os.environ['AIRFLOW_HOME']}".encode()}
        ours = [self.pid, *descendants(self.pid), *(pid for pid in processes() if marks <= environment(pid))]
        return [pid for pid in ours if is_alive(pid)]
