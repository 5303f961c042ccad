"""Imitates containerd: starts a container in the sandbox, writes its log in CRI format, returns its exit code."""

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

from localgke.sandbox import Container, Spec

SANDBOX = Path(__file__).with_name("sandbox.py")
PARTIAL = 16 * 1024  # bytes; a longer line is written in parts


class StartError(Exception):
    """The container's process could not be started; the message has the reason."""


class SandboxError(Exception):
    """This machine does not allow containers; the message has the fix."""


class Process:
    """A running container, which `start` returns."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, oom_fd: int):
        self._process = process
        self._log = log
        self._oom_fd = oom_fd
        self.is_out_of_memory = False  # valid after `wait`

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal: SIGTERM to the container's process, or SIGKILL, which ends the container."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Copies the output to the log until no process is left. Returns the exit code, 128 + n for signal n.

        It must not be cancelled: a signal ends the container.
        """
        assert self._process.stdout
        assert self._process.stderr
        with self._log.open("wb", buffering=0) as log:
            await asyncio.gather(pump(self._process.stdout, b"stdout", log), pump(self._process.stderr, b"stderr", log))
        code = await self._process.wait()
        with os.fdopen(self._oom_fd, "rb") as oom:
            self.is_out_of_memory = bool(oom.read())
        return code if code >= 0 else 128 - code


async def start(container: Container, log: Path) -> Process:
    """Starts a container whose log goes to the file. Raises StartError."""
    root = log.with_name("rootfs")  # stays empty on the host: only the container sees its mounts
    root.mkdir(exist_ok=True)
    reading, writing = os.pipe()
    oom_reading, oom_writing = os.pipe()
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(SANDBOX)),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        pass_fds=[writing, oom_writing],
        env={},
        start_new_session=True,
    )
    os.close(writing)
    os.close(oom_writing)
    assert process.stdin
    spec: Spec = {**container, "root": str(root), "error_fd": writing, "oom_fd": oom_writing}
    process.stdin.write(json.dumps(spec).encode())
    process.stdin.close()
    with os.fdopen(reading, errors="replace") as errors:
        error = await asyncio.to_thread(errors.read)  # blocks until the process has started or failed
    started = Process(process, log, oom_reading)
    if error:
        await started.wait()
        raise StartError(error)
    return started


async def check() -> None:
    """Raises SandboxError unless containers can be made on this machine."""
    container: Container = {
        "argv": ["/bin/true"],
        "env": {},
        "cwd": "/",
        "hostname": "check",
        "mounts": [],
        "uid": 0,
        "memory": 0,
    }
    with tempfile.TemporaryDirectory() as directory:
        try:
            await (await start(container, Path(directory, "log"))).wait()
        except StartError as error:
            raise SandboxError(
                f"containers cannot be made on this machine: {error}: run as root, or allow user namespaces:"
                " sysctl kernel.apparmor_restrict_unprivileged_userns=0 kernel.unprivileged_userns_clone=1"
                " user.max_user_namespaces=10000 (those that this system has)"
            ) from error


async def pump(reader: asyncio.StreamReader, stream: bytes, log: BinaryIO) -> None:
    """Copies a stream to a log: `<time> <stream> F|P <text>`, F for a whole line, P for a part of one."""

    def write(tag: bytes, text: bytes) -> None:
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"
        log.write(b"%s %s %s %s\n" % (stamp.encode(), stream, tag, text))

    rest = b""
    while chunk := await reader.read(PARTIAL):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            write(b"F", line)
        if len(rest) >= PARTIAL:
            write(b"P", rest)
            rest = b""
    if rest:
        write(b"P", rest)
