"""Imitates the log endpoint of a Pod. It reads the kubelet's files, which have a CRI line for each line of output."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path

from aiohttp import web

from localgke.errors import ApiError, not_found, not_imitated
from localgke.objects import NODES
from localgke.resources import is_true
from localgke.store import Object, Store

POLL_SECONDS = 0.05
CRI_LINE = re.compile(rb"(?P<time>\S+) (?:stdout|stderr) (?P<tag>[FP]) (?P<text>.*)", re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
LINE = re.compile(rb"[^\n]*\n|[^\n]+")  # a carriage return, as of a progress bar, does not end a line
WAITING = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}


async def stream(request: web.Request, store: Store, pod: Object, directory: Path) -> web.StreamResponse:
    """Answers `GET .../pods/NAME/log`; `directory` holds `<pod uid>/<container>.<restart>.log`."""
    tail = request.query.get("tailLines")
    if tail is not None and not tail.isdigit():
        raise ApiError("BadRequest", f'tailLines: Invalid value: "{tail}": must be a whole number, not negative')
    limit = request.query.get("limitBytes")
    if limit is not None and not (limit.isdigit() and int(limit)):
        raise ApiError("BadRequest", f'limitBytes: Invalid value: "{limit}": must be a whole number above 0')
    if limit and is_true(request.query, "follow"):
        raise not_imitated("limitBytes of a log that is followed")
    since = request.query.get("sinceTime", "")
    if since and not TIME.fullmatch(since):
        raise ApiError("BadRequest", f'sinceTime: Invalid value: "{since}": must be a time in UTC, to the second')
    container = _container(pod, request.query.get("container", ""))
    # A Pod without a node has an empty log, not an error.
    node = pod["spec"].get("nodeName")
    if node and not store.find(NODES, "", node):
        raise not_found("pods", node)  # Kubernetes, too, reports the node as a missing Pod
    previous = is_true(request.query, "previous")
    logs = directory / pod["metadata"]["uid"]
    file = _file(pod, container, logs, previous=previous) if node else None
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the client has disconnected
        if file:
            follow = is_true(request.query, "follow")
            lines = _Lines(since.encode().removesuffix(b"Z"), is_true(request.query, "timestamps"))
            left = None if tail is None else int(tail)
            await _copy(response, store, pod, container, file, follow, left, int(limit or 0), lines)
        await response.write_eof()
    return response


async def _copy(
    response: web.StreamResponse,
    store: Store,
    pod: Object,
    container: str,
    file: Path,
    follow: bool,
    tail: int | None,
    limit: int,
    cri: _Lines,
) -> None:
    ended, rest = False, b""
    with file.open("rb") as log:
        while not ended:
            # The state is read before the file, so that the last output of a container is not missed.
            ended = not follow or not _runs(store, pod, container, file)
            whole, newline, rest = (rest + log.read()).rpartition(b"\n")
            text = b"".join(map(cri.text, (whole + newline).split(b"\n")))
            if tail is not None:
                lines = LINE.findall(text)
                text, tail = b"".join(lines[max(0, len(lines) - tail) :]), None
            await response.write(text[: limit or None])
            if not ended:
                await asyncio.sleep(POLL_SECONDS)


def _container(pod: Object, wanted: str) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    known = [container["name"] for container in spec["containers"]]
    if wanted and wanted not in known:
        raise ApiError("BadRequest", f"container {wanted} is not valid for pod {name}")
    if not wanted and len(known) > 1:
        choice = f"choose one of: [{' '.join(known)}]"
        raise ApiError("BadRequest", f"a container name must be specified for pod {name}, {choice}")
    return wanted or str(known[0])


def _status(pod: Object, container: str) -> Object:
    return next((item for item in pod["status"].get("containerStatuses", ()) if item["name"] == container), {})


def _file(pod: Object, container: str, directory: Path, *, previous: bool) -> Path:
    """Returns the log file of the container's newest or previous run. Raises BadRequest with the kubelet's messages."""
    who, status = f'container "{container}" in pod "{pod["metadata"]["name"]}"', _status(pod, container)
    if "waiting" in status.get("state", {}) and "terminated" not in status.get("lastState", {}):
        reason = status["state"]["waiting"]["reason"]
        raise ApiError("BadRequest", f"{who} is waiting to start: {WAITING.get(reason, reason)}")
    if previous and "terminated" not in status.get("lastState", {}):
        raise ApiError("BadRequest", f"previous terminated {who} not found")
    files = sorted(directory.glob(f"{container}.*.log"), key=lambda file: int(file.suffixes[-2][1:]))
    if not files:
        raise ApiError("BadRequest", f"{who} is not available")
    return files[-2 if previous and len(files) > 1 else -1]


def _runs(store: Store, pod: Object, container: str, file: Path) -> bool:
    """Returns whether `file` may still grow: it is the log of the newest run, which has not ended."""
    meta = pod["metadata"]
    now = store.find("pods", meta["namespace"], meta["name"])
    if now is None or now["metadata"]["uid"] != meta["uid"]:
        return False
    status = _status(now, container)
    newest = file.name == f"{container}.{status.get('restartCount', 0)}.log"
    return newest and "running" in status.get("state", {})


class _Lines:
    """Converts CRI lines to the output of the container. `since`: a prefix of CRI lines; older lines are left out."""

    def __init__(self, since: bytes, timestamps: bool):
        self._since = since
        self._timestamps = timestamps
        self._new_line = True

    def text(self, line: bytes) -> bytes:
        """Returns the text of a CRI line. Of a long line the first part has the time; the last (F) ends it."""
        match = CRI_LINE.fullmatch(line)
        if match is None or match["time"] < self._since:
            return b""
        time = match["time"] + b" " if self._timestamps and self._new_line else b""
        self._new_line = match["tag"] == b"F"
        text: bytes = match["text"]
        return time + text + (b"\n" if self._new_line else b"")
