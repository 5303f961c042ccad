"""Reads from the API server: HTTP with JSON over the socket of one `kubectl proxy`, which does authentication and TLS.

The socket lies in the private directory of the run, and only its user can open it. When the proxy has died, it is
started anew. Only reads: what changes a cluster is a kubectl command of a script.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from gke_jobs.errors import Answer, from_http
from gke_jobs.json_access import Json

ANSWER_SECONDS = 30.0  # for one answer, whole
START_SECONDS = 10.0  # for kubectl proxy to open its socket
ANSWER_BYTES = 64 << 20  # of one answer; a Pod has about 8 KiB
LINE_BYTES = 8 << 20  # of one event of a watch; an object has at most 1.5 MiB, its JSON may have escapes
PIECE_BYTES = 64 << 10
PROXY_LOG_BYTES = 2000  # the end of it is read for what the credential plugin said

# A child that the kernel kills when its parent is gone. As a program, since a thread may be running here.
TIED = """import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
os.getppid() == int(sys.argv[1]) and os.execvp(sys.argv[2], sys.argv[2:])"""


class ApiError(Exception):
    """The API server, or what is on the way to it, did not give what was asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A `kubectl proxy`: its socket, the file that takes its stderr, and the command that starts it.

    The command is run in the directory of the socket and names it without a directory: a path has at most 107 bytes.
    """

    socket: Path
    command: Sequence[str]
    log: Path


def jobs_path(namespace: str, job: str = "") -> str:
    """Return the path of the Jobs of a namespace, or of one."""
    return _path("/apis/batch/v1/namespaces", namespace, "jobs", job)


def pods_path(namespace: str) -> str:
    """Return the path of the Pods of a namespace."""
    return _path("/api/v1/namespaces", namespace, "pods")


def events_path(namespace: str) -> str:
    """Return the path of the Events of a namespace."""
    return _path("/api/v1/namespaces", namespace, "events")


def log_path(namespace: str, pod: str) -> str:
    """Return the path of a Pod's log; the query names the container."""
    return _path("/api/v1/namespaces", namespace, "pods", pod, "log")


def _path(root: str, *names: str) -> str:
    return "/".join([root, *(quote(name, safe="") for name in names if name)])


class Stream:
    """The answer to a watch or a log request, while it comes."""

    def __init__(self, sock: socket.socket, response: http.client.HTTPResponse) -> None:
        self._socket, self._response = sock, response

    def pieces(self) -> Iterator[bytes]:
        """Yield what comes, as it comes; ends where the stream ends in order. ApiError where it breaks."""
        while True:
            try:
                piece = self._response.read1(PIECE_BYTES)
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:  # the last two: closed
                raise ApiError(_unanswered(error)) from None
            if not piece:
                if self._response.length:  # which http.client does not tell where pieces are read
                    raise ApiError(_unanswered(http.client.IncompleteRead(b"", self._response.length)))
                return
            yield piece

    def lines(self) -> Iterator[bytes]:
        """Yield whole lines. ApiError where the stream breaks, or a line is longer than any event."""
        rest = b""
        for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
            if len(rest) > LINE_BYTES:
                raise ApiError(Answer(code=None, reason="", message=f"a line of more than {LINE_BYTES} bytes"))

    def close(self) -> None:
        """End the stream, from any thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class Connection:
    """Reads from one API server."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._lock = threading.Lock()  # of one restart at a time

    def get_json(self, path: str, query: dict[str, str] | None = None, seconds: float = ANSWER_SECONDS) -> Json:
        """Return the JSON at a path. ApiError when there is none within so many seconds."""
        body = self.get_bytes(path, query, seconds)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise ApiError(Answer(code=None, reason="", message="the answer is not JSON")) from None

    def get_bytes(self, path: str, query: dict[str, str] | None = None, seconds: float = ANSWER_SECONDS) -> bytes:
        """Return what is at a path, whole. ApiError when there is nothing within so many seconds."""
        deadline = time.monotonic() + seconds
        body = bytearray()
        stream = self.open(path, query, seconds)
        try:
            for piece in stream.pieces():
                body += piece
                if len(body) > ANSWER_BYTES:
                    raise ApiError(Answer(code=None, reason="", message=f"more than {ANSWER_BYTES} bytes"))
                if time.monotonic() > deadline:
                    raise ApiError(Answer(code=None, reason="", message=f"no whole answer within {seconds:g} s"))
        finally:
            stream.close()
        return bytes(body)

    def open(self, path: str, query: dict[str, str] | None = None, idle_seconds: float = ANSWER_SECONDS) -> Stream:
        """Ask for what is at a path. ApiError when the answer is an error, or nothing comes for so many seconds."""
        url = f"{path}?{urlencode(query)}" if query else path
        try:
            connection = self._connect(idle_seconds)
            connection.request("GET", url, headers={"Accept": "application/json"})
            sock = connection.sock  # which http.client forgets when the server is to close it
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(_unanswered(error)) from None
        if response.status == http.client.OK:
            return Stream(sock, response)
        try:
            body = response.read(LINE_BYTES)
        except (OSError, http.client.HTTPException):
            body = b""
        connection.close()
        raise ApiError(from_http(response.status, body, self._proxy_log()))

    def _connect(self, idle_seconds: float) -> _UnixConnection:
        connection = _UnixConnection(self._proxy.socket, idle_seconds)
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError):
            self._restart()
            connection.connect()
        return connection

    def _restart(self) -> None:
        """Start the proxy unless another thread has done so; OSError when it cannot be started."""
        with self._lock:
            probe = _UnixConnection(self._proxy.socket, START_SECONDS)
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
                time.sleep(0.01)  # kubectl does not tell when its socket is open
            raise ConnectionError(f"kubectl proxy cannot be started: {self._proxy_log()}")

    def _run_proxy(self, started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError]) -> None:
        """Start the proxy and wait for its end: the kernel ends a tied child with the thread that has started it."""
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


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket; kubectl proxy wants the host localhost."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        directory = os.open(self._path.parent, os.O_PATH)
        try:
            self.sock.connect(f"/proc/self/fd/{directory}/{self._path.name}")  # a path has at most 107 bytes
        except OSError:
            self.sock.close()
            raise
        finally:
            os.close(directory)


def _unanswered(error: BaseException) -> Answer:
    if isinstance(error, TimeoutError):
        words = "nothing comes any more"
    elif isinstance(error, http.client.HTTPException):
        words = "the connection was closed"
    else:
        words = f"no answer: {error or type(error).__name__}"
    return Answer(code=None, reason="", message=words)
