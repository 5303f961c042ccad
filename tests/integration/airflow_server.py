"""Imitates the part of Airflow's REST API that deploy-dags uses: the lists of DAGs and of import errors.

`python airflow_server.py DIRECTORY PORT_FILE` serves the JSON lists DIRECTORY/dags and DIRECTORY/importErrors in pages
of two; NOW in them is replaced by the time of the request. If DIRECTORY/status exists, it is the status of each answer,
and DIRECTORY/page its text. The paths of the requests are logged to DIRECTORY/requests. A request without a token, or
with the token `without-role`, is refused.
"""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from directory_server import DirectoryHandler, clock, respond, serve

PAGE = 2


class Handler(DirectoryHandler, BaseHTTPRequestHandler):
    """GET /api/v1 and /api/v2, dags and importErrors."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        directory = self.server.directory
        with (directory / "requests").open("a") as requests:
            requests.write(f"{self.path}\n")
        listed = re.fullmatch(r"/api/v[12]/(dags|importErrors)", url.path)
        if (directory / "status").exists():
            return self.answer(int((directory / "status").read_text()), (directory / "page").read_text(), "text/html")
        if not listed or self.headers["Authorization"] in (None, "Bearer without-role"):
            detail = json.dumps({"detail": "not\nyou"})
            return self.answer(403 if listed else 404, detail, "application/json")
        now = datetime.fromtimestamp(time.time() + clock(directory), timezone.utc).isoformat()
        found = json.loads((directory / listed[1]).read_text().replace("NOW", now))
        begin = int(parse_qs(url.query)["offset"][0])
        key = {"dags": "dags", "importErrors": "import_errors"}[listed[1]]
        page = {key: found[begin : begin + PAGE], "total_entries": len(found)}
        return self.answer(200, json.dumps(page), "application/json")

    def answer(self, status: int, text: str, content_type: str) -> None:
        location = f"http://{self.headers['Host']}/login" if status in (301, 302) else ""
        respond(self, text.encode(), content_type, status, location=location)


if __name__ == "__main__":
    serve(Handler)
