"""Reads /proc: the processes of Airflow and of run-job, and their children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from performance.figures import connected_to


def free_port(preferred: int = 0) -> int:
    """Return a free port of the loopback interface: the preferred one if it is free."""
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", preferred))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def processes() -> Iterator[int]:
    """Return the ids of all processes."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def read(pid: int, name: str) -> bytes:
    """Return a file in /proc of a process, empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def stat(pid: int) -> list[bytes]:
    """Return state, parent, process group, session and more of a process, empty when it has ended."""
    return read(pid, "stat").rpartition(b")")[2].split()


def parent(pid: int) -> int:
    """Return the parent of a process."""
    return int(stat(pid)[1])


def descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    children = [other for other in processes() if (fields := stat(other)) and int(fields[1]) == pid]
    return [found for child in children for found in (child, *descendants(child))]


def connections(pids: Iterable[int], port: int) -> int:
    """Return the number of TCP connections of processes to a port of the loopback interface."""
    to_port = connected_to(port, Path("/proc/net/tcp").read_text()) | connected_to(
        port, Path("/proc/net/tcp6").read_text()
    )
    return len({socket for pid in pids for socket in sockets(pid)} & to_port)


def sockets(pid: int) -> Iterator[str]:
    """Return the inodes of the open sockets of a process."""
    return (file[len("socket:[") : -1] for file in open_files(pid) if file.startswith("socket:["))


def open_files(pid: int) -> Iterator[str]:
    """Yield the targets of the open file descriptors of a process: paths of files, and names of other objects."""
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                yield os.readlink(descriptor)


def kill(*pids: int) -> None:
    """Send SIGKILL to processes, some of which may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run_job_of(dag_id: str) -> int | None:
    """Return the run-job process of a DAG of this process's Airflow: the leader of its process group."""
    return next((pid for pid in scripts_of(dag_id) if b"run-job" in read(pid, "cmdline")), None)


def scripts_of(dag_id: str) -> list[int]:
    """Return the processes of scripts for a DAG of this process's Airflow; each leads a process group."""
    marks = {f"AIRFLOW_CTX_DAG_ID={dag_id}".encode(), f"AIRFLOW_HOME={os.environ['AIRFLOW_HOME']}".encode()}
    return [pid for pid in processes() if marks <= environment(pid) and stat(pid)[2:3] == [b"%d" % pid]]


def environment(pid: int) -> set[bytes]:
    """Return the environment of a process, empty when it has ended or has overwritten it with its title."""
    return {*read(pid, "environ").split(b"\0")}


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    return bool((fields := stat(pid)) and fields[0] != b"Z")
