"""HTTP over a Unix socket, with the client of the standard library."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gke_jobs.errors import Answer, ApiError

LINE_BYTES = 8 << 20  # limit of one event of a watch; an object has at most 1.5 MiB, its JSON may have escapes
PIECE_BYTES = 64 << 10
HTTP_ERRORS = (OSError, http.client.HTTPException)
OK = http.client.OK


class Stream:
    """The answer to a watch or log request, while it arrives."""

    def __init__(self, sock: socket.socket, response: http.client.HTTPResponse) -> None:
        self._socket, self._response = sock, response

    def pieces(self) -> Iterator[bytes]:
        """Yield data as it arrives, until the stream ends in order. ApiError if it breaks."""
        while True:
            try:
                piece = self._response.read1(PIECE_BYTES)
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:  # last two: closed stream
                raise ApiError(unanswered(error)) from None
            if not piece:
                if self._response.length:  # http.client does not report a missing rest to a caller that reads pieces
                    raise ApiError(unanswered(http.client.IncompleteRead(b"", self._response.length)))
                return
            yield piece

    def lines(self) -> Iterator[bytes]:
        """Yield complete lines. ApiError if the stream breaks, or a line is longer than any event."""
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


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket; kubectl proxy requires the host localhost."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        directory = os.open(self._path.parent, os.O_PATH)
        try:
            self.sock.connect(f"/proc/self/fd/{directory}/{self._path.name}")  # a socket path has at most 107 bytes
        except OSError:
            self.sock.close()
            raise
        finally:
            os.close(directory)


def unanswered(error: BaseException) -> Answer:
    """Return the error for a request without an answer."""
    if isinstance(error, TimeoutError):
        words = "no more data arrives"
    elif isinstance(error, http.client.HTTPException):
        words = "the connection was closed"
    else:
        words = f"no answer: {error or type(error).__name__}"
    return Answer(code=None, reason="", message=words)
