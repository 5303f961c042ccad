"""Starts and stops the local stand-in for GKE.

    python -m localgke start --state DIR [--config FILE]   in the background; returns when it is ready
    python -m localgke serve --state DIR [--config FILE]   in the foreground, until Ctrl-C
    python -m localgke stop --state DIR                    ends it and removes DIR

DIR must not exist, or be empty; `. DIR/env` leads gcloud and kubectl to the stand-in.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from localgke import config

START_SECONDS = 20.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02
LOG = "server.log"


def main(argv: list[str] | None = None) -> None:
    """Runs one command; exits with 1 and one line on stderr if it cannot."""
    parser = argparse.ArgumentParser(
        prog="localgke", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("command", choices=("start", "serve", "stop"))
    parser.add_argument("--state", required=True, type=Path, metavar="DIR")
    parser.add_argument("--config", default=config.DEFAULT, type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    state, file = arguments.state.absolute(), arguments.config.absolute()
    try:
        if arguments.command == "start":
            start(state, file)
        elif arguments.command == "serve":
            serve(state, file)
        else:
            stop(state)
    except (config.ConfigError, OSError, _Problem) as error:
        sys.exit(f"localgke: {error}")


class _Problem(Exception):  # noqa: N818 - it never leaves this module
    """A command that cannot do what it is told."""


def start(state: Path, file: Path) -> None:
    """Starts a server that outlives this process. Raises if it ends, or is not ready after START_SECONDS."""
    config.load(file)
    _claim(state)
    command = [sys.executable, "-m", "localgke", "serve", "--state", str(state), "--config", str(file)]
    with (state / LOG).open("w+b") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while not (state / "ready").exists():
            if server.poll() is not None or time.monotonic() > end:
                server.kill()
                log.seek(0)
                shutil.rmtree(state, ignore_errors=True)
                raise _Problem(f"the server did not start: {log.read().decode().strip()}")
            time.sleep(POLL_SECONDS)


def serve(state: Path, file: Path) -> None:
    """Serves until a signal tells it to end. Raises if a part of it dies."""
    from localgke.server import serve  # only here: start and stop need none of what it imports

    _claim(state)
    asyncio.run(serve(config.load(file), state))


def stop(state: Path) -> None:
    """Ends the server of a state directory and waits until it is gone. Raises if it had died before."""
    if not state.exists():
        return
    if not (state / "pid").exists():
        raise _Problem(f"{state} is not the state of a server; not touched")
    pid = int((state / "pid").read_text())
    if not _serves(pid, state):
        log = state / LOG
        said = log.read_text().strip() if log.exists() else "no log"
        shutil.rmtree(state)
        raise _Problem(f"the server of {state} had ended by itself; removed what it left; its log: {said}")
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while _serves(pid, state):
        if time.monotonic() > end:
            raise _Problem(f"the server of {state}, process {pid}, does not end on SIGTERM; kill it, then stop again")
        time.sleep(POLL_SECONDS)


def _claim(state: Path) -> None:
    """Makes the state directory. Raises for one that holds anything: it is removed in the end."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(entry.name != LOG for entry in state.iterdir()):
        raise _Problem(f"{state} is not empty; stop the server that uses it, or name another directory")


def _serves(pid: int, state: Path) -> bool:
    """Whether the process is a server of `state`: a pid may long belong to somebody else."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"serve" in words and os.fsencode(state) in words


if __name__ == "__main__":
    main()
