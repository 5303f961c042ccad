"""The frame of the servers that imitate an API of Google or Airflow with the files of a directory.

`python MODULE DIRECTORY PORT_FILE` serves DIRECTORY on a free port of the loopback interface, writes the port to
PORT_FILE, and ends on SIGTERM. DIRECTORY/clock, if it exists, has the seconds by which its clock is ahead.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class DirectoryServer(ThreadingHTTPServer):
    """An HTTP server on a free port, with the directory of its files."""

    def __init__(self, directory: Path, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.directory = directory


def clock(directory: Path) -> float:
    """Return the seconds by which the clock of the server is ahead."""
    file = directory / "clock"
    return float(file.read_text()) if file.exists() else 0


class DirectoryHandler(BaseHTTPRequestHandler):
    """A handler whose Date header follows the clock of the server."""

    server: DirectoryServer

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) + clock(self.server.directory))


def respond(
    request: BaseHTTPRequestHandler, data: bytes, content_type: str, status: int = 200, *, location: str = ""
) -> None:
    """Send the response to a request; `location`: of a redirect."""
    request.send_response(status)
    if location:
        request.send_header("Location", location)
    request.send_header("Content-Type", content_type)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


def serve(handler: type[BaseHTTPRequestHandler]) -> None:
    """Serve the directory of the command line, and write the port to its file."""
    directory, port_file = map(Path, sys.argv[1:])
    server = DirectoryServer(directory, handler)
    port_file.write_text(str(server.server_port))
    server.serve_forever()
