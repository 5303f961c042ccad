"""Imitates the part of Airflow's REST API that deploy-dags asks: the lists of DAGs and of import errors.

`python airflow_server.py DIRECTORY PORT_FILE` serves DIRECTORY/dags and DIRECTORY/importErrors, lists in JSON, by pages
of two, on a free port of the loopback interface, which it writes to PORT_FILE; NOW in them is the time of the request.
Its clock is wrong by the seconds in DIRECTORY/clock, if there is that file.
Where there is DIRECTORY/status, that is the status of each answer, and DIRECTORY/page its text. It ends on SIGTERM. The
paths are logged to DIRECTORY/requests. The token `without-role` is refused, and so is none.
"""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGE = 2


class AirflowServer(ThreadingHTTPServer):
    """An HTTP server that knows what it answers."""

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.directory = directory


class Handler(BaseHTTPRequestHandler):
    """GET /api/v1 and /api/v2, dags and importErrors."""

    server: AirflowServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        directory = self.server.directory
        with (directory / "requests").open("a") as requests:
            requests.write(f"{self.path}\n")
        asked = re.fullmatch(r"/api/v[12]/(dags|importErrors)", url.path)
        if (directory / "status").exists():
            return self.answer(int((directory / "status").read_text()), (directory / "page").read_text(), "text/html")
        if not asked or self.headers["Authorization"] in (None, "Bearer without-role"):
            detail = json.dumps({"detail": "not\nyou"})
            return self.answer(403 if asked else 404, detail, "application/json")
        now = datetime.fromtimestamp(self.now(), timezone.utc).isoformat()
        found = json.loads((directory / asked[1]).read_text().replace("NOW", now))
        begin = int(parse_qs(url.query)["offset"][0])
        key = {"dags": "dags", "importErrors": "import_errors"}[asked[1]]
        page = {key: found[begin : begin + PAGE], "total_entries": len(found)}
        return self.answer(200, json.dumps(page), "application/json")

    def now(self) -> float:
        clock = self.server.directory / "clock"
        return time.time() + (float(clock.read_text()) if clock.exists() else 0)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.now() if timestamp is None else timestamp)

    def answer(self, status: int, text: str, kind: str) -> None:
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", f"http://{self.headers['Host']}/login")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


def main() -> None:
    directory, port_file = map(Path, sys.argv[1:])
    server = AirflowServer(directory)
    port_file.write_text(str(server.server_port))
    server.serve_forever()


if __name__ == "__main__":
    main()
