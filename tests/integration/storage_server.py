"""Imitates the part of the Cloud Storage JSON API that `gcloud storage` uses to copy, list and remove objects.

`python storage_server.py DIRECTORY PORT_FILE` serves each directory DIRECTORY/<bucket> as a bucket. The token
`stranger` has no permissions, and `without-PERMISSION` all except that one. Requests other than list, get, download,
upload and delete are refused. Each bucket also belongs to a Composer environment of the same name; if the file
DIRECTORY/<bucket>.airflow exists, it has the URL of the environment's Airflow.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from directory_server import DirectoryHandler, clock, respond, serve


class Handler(DirectoryHandler, BaseHTTPRequestHandler):
    """objects.list, objects.get, objects.delete, and objects.insert with uploadType=multipart."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if environment := re.fullmatch(r"/v1/projects/[^/]+/locations/[^/]+/environments/([^/]+)", url.path):
            return self.describe_environment(environment[1])
        request = re.fullmatch(r"(?:/download)?/storage/v1/b/([^/]+)/o(?:/([^/]+))?", url.path)
        if not request:
            return self.refuse()
        if not self.may("storage.objects.get" if request[2] else "storage.objects.list"):
            return None
        bucket = self.server.directory / unquote(request[1])
        if not bucket.is_dir():
            return self.fail(404, "The specified bucket does not exist.")
        if request[2]:
            name = unquote(request[2])
            if (bucket / name).is_file() and parse_qs(url.query).get("alt") == ["media"]:
                return respond(self, (bucket / name).read_bytes(), "application/octet-stream")
            if (bucket / name).is_file():
                return self.answer(self.described(bucket, name))
            return self.fail(404, f"No such object: {bucket.name}/{name}")
        prefix = parse_qs(url.query).get("prefix", [""])[0]
        names = sorted(str(path.relative_to(bucket)) for path in bucket.rglob("*") if path.is_file())
        found = [name for name in names if name.startswith(prefix)]
        folders: set[str] = set()
        if "delimiter" in parse_qs(url.query):
            ends = {name: name.find("/", len(prefix)) + 1 for name in found}
            folders = {name[:end] for name, end in ends.items() if end}
            found = [name for name in found if not ends[name]]
        items = [self.described(bucket, name) for name in found]
        return self.answer({"items": items, "prefixes": sorted(folders)})

    def describe_environment(self, name: str) -> None:
        if self.headers["Authorization"] == "Bearer stranger":
            return self.fail(403, "permission composer.environments.get is missing", "PERMISSION_DENIED")
        if not (self.server.directory / name).is_dir():
            return self.fail(404, f"environment {name} was not found", "NOT_FOUND")
        config = {"dagGcsPrefix": f"gs://{name}/dags", "softwareConfig": {"imageVersion": "composer-3-airflow-3.3.1"}}
        airflow = self.server.directory / f"{name}.airflow"
        if airflow.exists():
            config["airflowUri"] = airflow.read_text()
        return self.answer({"name": name, "state": "RUNNING", "config": config})

    def do_DELETE(self) -> None:
        request = re.fullmatch(r"/storage/v1/b/([^/]+)/o/([^/]+)", urlsplit(self.path).path)
        if not request:
            return self.refuse()
        if not self.may("storage.objects.delete"):
            return None
        (self.server.directory / unquote(request[1]) / unquote(request[2])).unlink()
        return respond(self, b"", "text/plain", 204)

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        upload = re.fullmatch(r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o", url.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not upload or parse_qs(url.query)["uploadType"] != ["multipart"]:
            return self.refuse()
        delimiter = body[: body.index(b"\n")].rstrip(b"\r")
        _, metadata, content, _ = body.split(delimiter)
        name = json.loads(payload(metadata))["name"]
        bucket = self.server.directory / unquote(upload[1])
        path = bucket / name
        required = parse_qs(url.query).get("ifGenerationMatch", [generation(path)])
        if required != [generation(path)]:
            return self.fail(412, "At least one of the pre-conditions you specified did not hold.")
        if not self.may("storage.objects.create") or (path.exists() and not self.may("storage.objects.delete")):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload(content))
        return self.answer(self.described(bucket, name))

    def may(self, permission: str) -> bool:
        """Return whether the caller has a permission; if not, answer with 403."""
        allowed = self.headers["Authorization"] not in ("Bearer stranger", f"Bearer without-{permission}")
        if not allowed:
            self.fail(403, f"the caller does not have {permission} access to the bucket")
        return allowed

    def described(self, bucket: Path, name: str) -> dict[str, str]:
        return described(bucket, name, self.headers["Host"])

    def answer(self, body: dict[str, Any], status: int = 200) -> None:
        respond(self, json.dumps(body).encode(), "application/json", status)

    def fail(self, code: int, message: str, status: str = "") -> None:
        self.answer({"error": {"code": code, "message": message, "status": status}}, code)

    def refuse(self) -> None:
        self.fail(400, f"not imitated: {self.command} {self.path}")


def payload(part: bytes) -> bytes:
    """Return the content of a part of a multipart body, without its header and the line end before the delimiter."""
    return re.split(rb"\r?\n\r?\n", part, maxsplit=1)[1].removesuffix(b"\n").removesuffix(b"\r")


def generation(path: Path) -> str:
    """Return the generation of an object, 0 if it does not exist."""
    return str(path.stat().st_mtime_ns) if path.exists() else "0"


def described(bucket: Path, name: str, server: str) -> dict[str, str]:
    """Return the resource `object` of the API."""
    path = bucket / name
    content = path.read_bytes()
    return {
        "bucket": bucket.name,
        "name": name,
        "size": str(len(content)),
        "mediaLink": f"http://{server}/storage/v1/b/{bucket.name}/o/{quote(name, safe='')}?alt=media",
        "md5Hash": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
        "generation": generation(path),
        "timeCreated": datetime.fromtimestamp(path.stat().st_mtime + clock(bucket.parent), timezone.utc).isoformat(),
    }


if __name__ == "__main__":
    serve(Handler)
