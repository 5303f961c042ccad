"""Reads from the API server: HTTP with JSON over the socket of one `kubectl proxy`, which does authentication and TLS.

The socket is in the private directory of the run; only its user can open it. If the proxy dies, it is restarted.
This module only reads: scripts change a cluster with kubectl commands.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from gke_jobs.errors import Answer, ApiError, from_http
from gke_jobs.json_access import Json

if TYPE_CHECKING:
    import subprocess

    from gke_jobs.unix_http import Stream, UnixConnection

ANSWER_SECONDS = 30.0  # for one complete answer
START_SECONDS = 10.0  # for kubectl proxy to open its socket
ANSWER_BYTES = 64 << 20  # limit of one answer; a Pod has about 8 KiB
ERROR_BYTES = 1 << 20  # limit of an error answer
PROXY_LOG_BYTES = 2000  # the end of the log, which may have an error of the credential plugin

# Starts a child that the kernel kills when its parent ends. It is a program of its own, because threads may run here.
TIED = """import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
os.getppid() == int(sys.argv[1]) and os.execvp(sys.argv[2], sys.argv[2:])"""


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A `kubectl proxy`: its socket, the file that takes its stderr, and the command that starts it.

    The command runs in the directory of the socket and names it without a directory: a socket path has at most 107
    bytes.
    """

    socket: Path
    command: Sequence[str]
    log: Path


def jobs_path(namespace: str, job: str = "") -> str:
    """Return the path of the Jobs of a namespace ('': of all namespaces), or of one Job."""
    return _path("/apis/batch/v1", *_within(namespace), "jobs", job)


def pods_path(namespace: str) -> str:
    """Return the path of the Pods of a namespace ('': of all namespaces)."""
    return _path("/api/v1", *_within(namespace), "pods")


def events_path(namespace: str) -> str:
    """Return the path of the Events of a namespace."""
    return _path("/api/v1/namespaces", namespace, "events")


def log_path(namespace: str, pod: str) -> str:
    """Return the path of a Pod's log; the query names the container."""
    return _path("/api/v1/namespaces", namespace, "pods", pod, "log")


def _within(namespace: str) -> tuple[str, ...]:
    return ("namespaces", namespace) if namespace else ()


def _path(root: str, *names: str) -> str:
    return "/".join([root, *(quote(name, safe="") for name in names if name)])


class Connection:
    """Reads from one API server."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._lock = threading.Lock()  # allows one restart at a time

    def get_json(
        self,
        path: str,
        query: dict[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
        most: int | None = None,
    ) -> Json:
        """Return the JSON at a path. ApiError if none arrives within the limits of seconds and bytes."""
        body = self.get_bytes(path, query, seconds, most)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise ApiError(Answer(code=None, reason="", message="the answer is not JSON")) from None

    def get_bytes(
        self,
        path: str,
        query: dict[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
        most: int | None = None,
    ) -> bytes:
        """Return the complete answer at a path. ApiError if none arrives within the limits of seconds and bytes."""
        most = most or ANSWER_BYTES
        deadline = time.monotonic() + seconds
        body = bytearray()
        stream = self.open(path, query, seconds)
        try:
            for piece in stream.pieces():
                body += piece
                if len(body) > most:
                    raise ApiError(Answer(code=None, reason="", message=f"more than {most} bytes"))
                if time.monotonic() > deadline:
                    raise ApiError(Answer(code=None, reason="", message=f"no complete answer within {seconds:g} s"))
        finally:
            stream.close()
        return bytes(body)

    def open(self, path: str, query: dict[str, str] | None = None, idle_seconds: float = ANSWER_SECONDS) -> Stream:
        """Send a GET request for a path. ApiError if the answer is an error, or nothing arrives for so many seconds."""
        from gke_jobs.unix_http import HTTP_ERRORS, OK, Stream, unanswered  # not always needed: 25 ms

        url = f"{path}?{urlencode(query)}" if query else path
        try:
            connection = self._connect(idle_seconds)
            connection.request("GET", url, headers={"Accept": "application/json"})
            sock = connection.sock  # http.client drops it if the server announces that it closes it
            response = connection.getresponse()
        except HTTP_ERRORS as error:
            raise ApiError(unanswered(error)) from None
        if response.status == OK:
            return Stream(sock, response)
        try:
            body = response.read(ERROR_BYTES)
        except HTTP_ERRORS:
            body = b""
        connection.close()
        raise ApiError(from_http(response.status, body, self._proxy_log()))

    def _connect(self, idle_seconds: float) -> UnixConnection:
        from gke_jobs.unix_http import UnixConnection

        connection = UnixConnection(self._proxy.socket, idle_seconds)
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError):
            self._restart()
            connection.connect()
        return connection

    def _restart(self) -> None:
        """Start the proxy unless another thread has done so; OSError when it cannot be started."""
        from gke_jobs.unix_http import UnixConnection

        with self._lock:
            probe = UnixConnection(self._proxy.socket, START_SECONDS)
            with suppress(OSError):
                probe.connect()
                return probe.close()
            self._proxy.socket.unlink(missing_ok=True)
            started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()
            threading.Thread(target=self._run_proxy, args=(started,), daemon=True).start()
            process = started.get()
            if isinstance(process, OSError):
                raise process
            deadline = time.monotonic() + START_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                with suppress(OSError):
                    probe.connect()
                    return probe.close()
                time.sleep(0.01)  # kubectl does not report when its socket is open
            raise ConnectionError(f"kubectl proxy cannot be started: {self._proxy_log()}")

    def _run_proxy(self, started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError]) -> None:
        """Start the proxy and wait for its end: the kernel kills the child when the thread that started it ends."""
        import subprocess  # needed only if the proxy has died

        try:
            with self._proxy.log.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-c", TIED, str(os.getpid()), *self._proxy.command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    cwd=self._proxy.socket.parent,
                )
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        process.wait()

    def _proxy_log(self) -> str:
        try:
            return self._proxy.log.read_bytes()[-PROXY_LOG_BYTES:].decode(errors="replace")
        except OSError:
            return ""
