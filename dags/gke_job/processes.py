"""Runs the toolkit's scripts in an event loop, without blocking it."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from .run_directory import one_line

PIECE_BYTES = 1 << 16
LONGEST_LINE = 32 << 20  # bytes; watch-jobs lists every Job of a namespace in one line
LOGGED_CHARACTERS = 2000
END_SECONDS = 5.0  # from SIGTERM to SIGKILL
LEVELS = {b"<3>": logging.ERROR, b"<4>": logging.WARNING}  # prefixes of messages, which runner.py documents


async def start(argv: Sequence[str], airflow_environment: str, stdin: bytes = b"") -> Process:
    """Starts a script.

    :param argv: its command line, as `command` returns it
    :param airflow_environment: the name of the Airflow environment; "" for a script that does not need it
    :param stdin: its standard input
    """
    variables = {
        **os.environ,
        "GKE_JOB_PYTHON": sys.executable,
        "GKE_JOB_AIRFLOW_ENVIRONMENT": airflow_environment,
        "GKE_JOB_LEVELS": "yes",
    }
    variables.pop("GKE_JOB_CALLER_DIR", None)
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        start_new_session=True,  # a Ctrl-C that ends the triggerer does not reach its scripts
    )
    if process.stdin:
        process.stdin.write(stdin)
        process.stdin.close()
    return process


async def lines(stream: asyncio.StreamReader | None) -> AsyncIterator[bytes]:
    """Yields whole lines without their newlines; lines longer than LONGEST_LINE are left out."""
    line, is_too_long = bytearray(), False
    while stream and (piece := await stream.read(PIECE_BYTES)):
        first, *others = piece.split(b"\n")
        line += first
        for other in others:
            if not is_too_long:
                yield bytes(line)
            line, is_too_long = bytearray(other), False
        if len(line) > LONGEST_LINE:
            line, is_too_long = bytearray(), True


def format_line(line: bytes) -> str:
    """Returns a line of a script as text for the log: printable, at most LOGGED_CHARACTERS bytes."""
    return one_line(line[:LOGGED_CHARACTERS].decode(errors="replace"))


def parse_message(line: bytes) -> tuple[int, str]:
    """Returns the log level of a script's message, and its text for the log."""
    level = LEVELS.get(line[:3])
    return (level, format_line(line[3:])) if level else (logging.INFO, format_line(line))


async def end(process: Process) -> None:
    """Ends a script and the programs that it has started, and waits until it has ended.

    Sends SIGTERM, and SIGKILL after END_SECONDS or when this coroutine is cancelled.
    """
    if process.returncode is not None:
        return
    try:
        process.terminate()
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except ProcessLookupError:
        await process.wait()
    except (asyncio.TimeoutError, asyncio.CancelledError):
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
