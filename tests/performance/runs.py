"""A script of a checkout that runs in the background, and what it costs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

from performance import accounted
from performance.observer import until

LIMIT_SECONDS = 300
TAIL = 3000  # characters of a failed command's output


@dataclass(frozen=True)
class Result:
    """What accounted.py reports."""

    code: int
    began: float
    ended: float
    cpu: float
    orphans: int
    orphans_cpu: float
    killed: bool


class Run:
    """A script of a checkout in the background, accounted for."""

    def __init__(self, directory: Path, command: list[str], environ: Mapping[str, str], limit: int = LIMIT_SECONDS):
        directory.mkdir(parents=True)
        self._report, self._log = directory / "report", directory / "log"
        wrapper = [sys.executable, accounted.__file__, "--report", str(self._report), "--limit", str(limit)]
        with self._log.open("wb") as log:
            self._process = Popen([*wrapper, *command], env=environ, stdin=DEVNULL, stdout=log, stderr=log)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def runs(self) -> bool:
        return self._process.poll() is None

    def processes(self) -> list[Path]:
        """Of the script, below /proc; also those whose parent has ended."""
        return [Path("/proc", str(process)) for process in accounted.descendants(self._process.pid)]

    def result(self) -> Result:
        """Waits for its end. Raises SystemExit where that is not success."""
        try:
            self._process.wait(LIMIT_SECONDS + 2 * accounted.STRAY_SECONDS)
        finally:
            self.stop()
        if not self._report.exists():
            raise SystemExit(f"compare: a run has not been accounted for:\n{self.log()[-TAIL:]}")
        result = Result(**json.loads(self._report.read_text()))
        if result.code or result.killed:
            raise SystemExit(f"compare: a run ended so: {result}:\n{self.log()[-TAIL:]}")
        return result

    def stop(self) -> None:
        """Interrupts the script if it still runs, and waits until nothing is left of it."""
        if self.runs():
            self._process.terminate()
        self._process.wait(LIMIT_SECONDS)


def until_or_ended(what: Callable[[], bool], run: Run, message: str) -> None:
    """Waits; raises SystemExit after a limit, or when the run has ended first."""
    until(lambda: what() or not run.runs(), message)
    if not what():
        raise SystemExit(f"compare: {message}, and the run has ended:\n{run.log()[-TAIL:]}")


def look_at(process: Path) -> tuple[str, str] | None:
    """Its name and its smaps_rollup; None when it has ended."""
    try:
        return (process / "comm").read_text().strip(), (process / "smaps_rollup").read_text()
    except OSError:
        return None
