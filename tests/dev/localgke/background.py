"""Background servers with the commands `start`, `serve` and `stop`, each with its own state directory.

A server is started as `python -m MODULE serve --state DIR ...`. When it answers, DIR has the files `pid` and `ready`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

START_SECONDS = 120.0
STOP_SECONDS = 120.0
POLL_SECONDS = 0.02
LOG = "server.log"


class Problem(Exception):  # noqa: N818 - a command's main turns it into one line on stderr
    """A command failed."""


def start(module: str, state: Path, *arguments: str) -> None:
    """Starts a server that outlives this process. Raises Problem if it ends, or is not ready after START_SECONDS."""
    claim(state)
    command = [sys.executable, "-m", module, "serve", "--state", str(state), *arguments]
    with (state / LOG).open("w+b") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while not (state / "ready").exists():
            if server.poll() is not None or time.monotonic() > end:
                server.kill()
                log.seek(0)
                shutil.rmtree(state, ignore_errors=True)
                raise Problem(f"the server did not start: {log.read().decode().strip()}")
            time.sleep(POLL_SECONDS)


def stop(state: Path) -> None:
    """Stops the server of a state directory and waits for its end. Raises Problem if it had ended before."""
    if not state.exists():
        return
    if not (state / "pid").exists():
        raise Problem(f"{state} is not the state of a server; not touched")
    pid = int((state / "pid").read_text())
    if not _serves(pid, state):
        log = state / LOG
        said = log.read_text().strip() if log.exists() else "no log"
        shutil.rmtree(state)
        raise Problem(f"the server of {state} had ended by itself; removed what it left; its log: {said}")
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while _serves(pid, state):
        if time.monotonic() > end:
            raise Problem(f"the server of {state}, process {pid}, does not end on SIGTERM; kill it, then stop again")
        time.sleep(POLL_SECONDS)


def claim(state: Path) -> None:
    """Makes the state directory. Raises Problem if it is not empty, because `stop` removes it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(entry.name != LOG for entry in state.iterdir()):
        raise Problem(f"{state} is not empty; stop the server that uses it, or name another directory")


def _serves(pid: int, state: Path) -> bool:
    """Returns whether the process is a server of `state`: its pid may be another process now."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"\0serve\0" in command and b"\0--state\0%s\0" % os.fsencode(state) in command
