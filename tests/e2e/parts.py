"""The parts of an Airflow, each of which can be stopped, killed, paused and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from e2e.processes import descendants, environment, is_alive, kill, processes


class Part:
    """A running part of Airflow: a process in its own session, and the processes that it has started."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        self._arguments = arguments
        self._mark = f"E2E_PART={log.stem}"
        self.start()

    def start(self) -> None:
        """Start the part, for the first time or after it has ended."""
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
        """The id of the first process."""
        return self._process.pid

    def log(self) -> str:
        """Return the log since the first start."""
        return self._log.read_text()

    def stop(self) -> None:
        """Send SIGTERM, as Composer does first; do not wait for the end."""
        self._process.send_signal(signal.SIGTERM)

    def pause(self) -> None:
        """Stop all its processes with SIGSTOP, as on a machine that hangs."""
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue all its processes after `pause`."""
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def has_ended(self) -> bool:
        """Return whether the first process has ended."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill all its processes, as the end of its container does."""
        while ours := self.processes():
            kill(*ours)
            self.has_ended()

    def processes(self) -> list[int]:
        """Return its first process and all that it has started and that run, even if they have another parent now."""
        marks = {self._mark.encode(), f"AIRFLOW_HOME={os.environ['AIRFLOW_HOME']}".encode()}
        ours = [self.pid, *descendants(self.pid), *(pid for pid in processes() if marks <= environment(pid))]
        return [pid for pid in ours if is_alive(pid)]
