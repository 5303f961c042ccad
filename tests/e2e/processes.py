"""Processes as /proc shows them: those of Airflow, of run-job, and what they have started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from performance.figures import connected_to

PATIENCE = 120  # seconds until what should happen counts as not happening


def wait_for(what: Callable[[], Any], message: Callable[[], str]) -> Any:
    """What `what` returns once that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {message()}"
        time.sleep(0.2)
    return found


def free_port(preferred: int = 0) -> int:
    """A port of the loopback interface that nobody listens on: the preferred one if it is free."""
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", preferred))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def processes() -> Iterator[int]:
    """The ids of all processes."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def read(pid: int, name: str) -> bytes:
    """A file in /proc of a process, empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def stat(pid: int) -> list[bytes]:
    """State, parent, process group, session and more of a process, empty when it has ended."""
    return read(pid, "stat").rpartition(b")")[2].split()


def parent(pid: int) -> int:
    """The process that started another one."""
    return int(stat(pid)[1])


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    children = [other for other in processes() if (fields := stat(other)) and int(fields[1]) == pid]
    return [found for child in children for found in (child, *descendants(child))]


def connections(pids: Iterable[int], port: int) -> int:
    """How many TCP connections to a port of the loopback interface processes have."""
    to_port = connected_to(port, Path("/proc/net/tcp").read_text()) | connected_to(
        port, Path("/proc/net/tcp6").read_text()
    )
    return len({socket for pid in pids for socket in sockets(pid)} & to_port)


def sockets(pid: int) -> Iterator[str]:
    """The inodes of the sockets that a process has open."""
    return (file[len("socket:[") : -1] for file in open_files(pid) if file.startswith("socket:["))


def open_files(pid: int) -> Iterator[str]:
    """The paths of the files that a process has open, and what its other descriptors are."""
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                yield os.readlink(descriptor)


def kill(*pids: int) -> None:
    """SIGKILL to processes, some of which may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run_job_of(dag_id: str) -> int | None:
    """The process of run-job that serves a DAG of the Airflow of this process: the leader of its process group."""
    return next((pid for pid in scripts_of(dag_id) if b"run-job" in read(pid, "cmdline")), None)


def scripts_of(dag_id: str) -> list[int]:
    """The processes of the scripts that serve a DAG of the Airflow of this process, each of which leads a group."""
    marks = {f"AIRFLOW_CTX_DAG_ID={dag_id}".encode(), f"AIRFLOW_HOME={os.environ['AIRFLOW_HOME']}".encode()}
    return [pid for pid in processes() if marks <= environment(pid) and stat(pid)[2:3] == [b"%d" % pid]]


def environment(pid: int) -> set[bytes]:
    """The variables of a process, empty when it has ended; a renamed process has lost them."""
    return {*read(pid, "environ").split(b"\0")}


def is_alive(pid: int) -> bool:
    """Whether a process has not ended."""
    return bool((fields := stat(pid)) and fields[0] != b"Z")
