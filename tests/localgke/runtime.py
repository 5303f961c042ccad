"""Imitates containerd: starts a container in the sandbox, writes its log in CRI form, tells how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from localgke.sandbox import Container

SANDBOX = Path(__file__).with_name("sandbox.py")
PARTIAL = 16 * 1024  # bytes; a longer line is written in parts


class StartError(Exception):
    """The container's process could not be started; the message is runc's."""


class SandboxError(Exception):
    """This machine does not let us make containers; the message says what to do."""


class Process:
    """A container that runs. Make one with `start`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, root: str):
        self._process = process
        self._root = root
        self._log = log.open("wb", buffering=0)
        assert process.stdout
        assert process.stderr
        streams = (process.stdout, b"stdout"), (process.stderr, b"stderr")
        self._pumps = asyncio.gather(*(pump(reader, name, self._log) for reader, name in streams))

    def signal(self, number: int) -> None:
        """SIGTERM reaches the container's process, SIGKILL ends the container."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> int:
        """The exit code, 128 + n after signal n; the whole log is written by then."""
        try:
            await asyncio.shield(self._pumps)  # ends when no process of the container is left
            code = await self._process.wait()
        except asyncio.CancelledError:
            self.signal(signal.SIGKILL)
            await self._pumps
            await self._process.wait()
            raise
        finally:
            self._log.close()
            os.rmdir(self._root)
        return code if code >= 0 else 128 - code


async def start(container: Container, log: Path) -> Process:
    """Starts a container, whose log goes to the file. Raises StartError."""
    starting = asyncio.ensure_future(_start(container, log))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:  # asyncio leaks a process whose start is cancelled
        with contextlib.suppress(StartError):
            process = await starting
            process.signal(signal.SIGKILL)
            await process.wait()
        raise


async def _start(container: Container, log: Path) -> Process:
    root = tempfile.mkdtemp(prefix="rootfs-", dir=log.parent)
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(SANDBOX)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[writing],
            env={},
            start_new_session=True,
        )
    finally:
        os.close(writing)
    started = Process(process, log, root)
    assert process.stdin
    process.stdin.write(json.dumps({**container, "root": root, "error_fd": writing}).encode())
    process.stdin.close()
    with os.fdopen(reading, "rb") as errors:
        error = await _read(errors)
    if error:
        await started.wait()
        raise StartError(error)
    return started


async def check(directory: Path) -> None:
    """Raises SandboxError unless containers can be made on this machine."""
    container: Container = {
        "argv": ["true"],
        "env": {"PATH": os.defpath},
        "cwd": "/",
        "hostname": "check",
        "mounts": [],
        "uid": 0,
        "gid": 0,
        "no_new_privileges": False,
        "drop_capabilities": False,
        "readonly_root": False,
    }
    try:
        await (await start(container, directory / "check.log")).wait()
    except StartError as error:
        raise SandboxError(
            f"containers cannot be made on this machine: {error}: run as root, or allow user namespaces:"
            " sysctl kernel.apparmor_restrict_unprivileged_userns=0 kernel.unprivileged_userns_clone=1"
            " user.max_user_namespaces=10000 (those that this system has)"
        ) from error


async def _read(file: BinaryIO) -> str:
    """All of a pipe, without blocking the event loop."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    try:
        return (await reader.read()).decode(errors="replace")
    finally:
        transport.close()


async def pump(reader: asyncio.StreamReader, stream: bytes, log: BinaryIO) -> None:
    """Copies a stream to a log: `<time> <stream> F|P <text>`, F for a whole line, P for a part of one."""

    def write(tag: bytes, text: bytes) -> None:
        log.write(b"%s %s %s %s\n" % (timestamp().encode(), stream, tag, text))

    rest = b""
    while chunk := await reader.read(PARTIAL):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            while len(line) > PARTIAL:
                write(b"P", line[:PARTIAL])
                line = line[PARTIAL:]
            write(b"F", line)
        while len(rest) > PARTIAL:
            write(b"P", rest[:PARTIAL])
            rest = rest[PARTIAL:]
    if rest:
        write(b"P", rest)


def timestamp() -> str:
    """The time as the CRI writes it: RFC 3339, UTC, nanoseconds."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"
