"""Imitates the log endpoint of a Pod, over the files that the kubelet writes: one CRI line a line of output."""

from __future__ import annotations

import asyncio
import contextlib
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from localgke.errors import ApiError
from localgke.store import Object, Store

POLL_SECONDS = 0.05
CRI_LINE = re.compile(rb"(?P<time>\S+) (?:stdout|stderr) (?P<tag>[FP]) (?P<text>.*)", re.DOTALL)


class _Line(NamedTuple):
    time: bytes
    text: bytes


class _Options(NamedTuple):
    follow: bool
    timestamps: bool
    tail: int | None
    limit: int | None
    since: datetime | None


async def stream(request: web.Request, store: Store, pod: Object, directory: Path) -> web.StreamResponse:
    """Answers `GET .../pods/NAME/log`; `directory` holds `<pod uid>/<container>.<restart>.log`."""
    options = _options(request)
    container = _container(pod, request.query.get("container", ""))
    file = None
    if pod["spec"].get("nodeName"):  # a Pod without a node has an empty log, not an error
        file = _file(pod, container, request.query.get("previous") == "true", directory)
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the client has gone: nobody to tell
        if file:
            await _copy(response, store, pod, container, file, options)
        await response.write_eof()
    return response


def _options(request: web.Request) -> _Options:
    query = request.query
    numbers = {}
    for name in ("tailLines", "limitBytes", "sinceSeconds"):
        text = query.get(name)
        if text is not None and not text.isdigit():
            raise ApiError("BadRequest", f'{name}: Invalid value: "{text}": must be a whole number, not negative')
        numbers[name] = None if text is None else int(text)
    since = None
    if numbers["sinceSeconds"] is not None:
        since = datetime.now(timezone.utc) - timedelta(seconds=numbers["sinceSeconds"])
    elif "sinceTime" in query:
        try:
            since = _time(query["sinceTime"].encode())
        except ValueError:
            raise ApiError("BadRequest", f'sinceTime: Invalid value: "{query["sinceTime"]}": not RFC 3339') from None
    follow, timestamps = query.get("follow") == "true", query.get("timestamps") == "true"
    return _Options(follow, timestamps, numbers["tailLines"], numbers["limitBytes"], since)


def _container(pod: Object, wanted: str) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    known = [container["name"] for container in (*spec.get("initContainers", ()), *spec["containers"])]
    if wanted:
        if wanted not in known:
            raise ApiError("BadRequest", f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(known) > 1:
        listed = " ".join(container["name"] for container in spec["containers"])
        init = " ".join(container["name"] for container in spec.get("initContainers", ()))
        also = f" or one of the init containers: [{init}]" if init else ""
        raise ApiError(
            "BadRequest", f"a container name must be specified for pod {name}, choose one of: [{listed}]{also}"
        )
    return str(known[0])


def _status(pod: Object, container: str) -> Object | None:
    status = pod.get("status", {})
    every = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    return next((item for item in every if item["name"] == container), None)


def _file(pod: Object, container: str, previous: bool, directory: Path) -> Path:
    """The log of the container's newest run, or of the one before. Raises BadRequest in the words of the kubelet."""
    name = pod["metadata"]["name"]
    status = _status(pod, container)
    if status is None:
        raise ApiError("BadRequest", f'container "{container}" in pod "{name}" is not available')
    state, last = status.get("state", {}), status.get("lastState", {})
    if previous and "terminated" not in last:
        raise ApiError("BadRequest", f'previous terminated container "{container}" in pod "{name}" not found')
    if not previous and "waiting" in state and "terminated" not in last:
        reason = state["waiting"].get("reason", "")
        texts = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
        why = texts.get(reason, reason)
        raise ApiError("BadRequest", f'container "{container}" in pod "{name}" is waiting to start: {why}')
    logs: Path = directory / pod["metadata"]["uid"]
    files = sorted(logs.glob(f"{container}.*.log"), key=lambda file: int(file.suffixes[-2][1:]))
    if previous and "waiting" not in state:
        files = files[:-1]
    if not files:
        raise ApiError("BadRequest", f'unable to retrieve container logs for "{container}" in pod "{name}"')
    return files[-1]


async def _copy(
    response: web.StreamResponse, store: Store, pod: Object, container: str, file: Path, options: _Options
) -> None:
    left = options.limit
    midline = ended = False
    first, rest = True, b""
    with file.open("rb") as log:
        while not ended and left != 0:
            # The state is read before the file: what a container wrote before it ended is always seen.
            ended = not options.follow or not _runs(store, pod, container, file)
            whole, newline, rest = (rest + log.read()).rpartition(b"\n")
            lines = _lines(whole + newline)
            if first:
                lines = _tail([line for line in lines if _after(line, options.since)], options.tail)
                first = False
            for line in lines:
                prefix = line.time + b" " if options.timestamps and not midline else b""
                midline = not line.text.endswith(b"\n")
                text = (prefix + line.text)[:left]
                await response.write(text)
                left = None if left is None else left - len(text)
            if not lines and not ended:
                await asyncio.sleep(POLL_SECONDS)


def _runs(store: Store, pod: Object, container: str, file: Path) -> bool:
    """Whether `file` may still grow: it is the log of the newest run, and that run has not ended."""
    meta = pod["metadata"]
    now = store.find("pods", meta["namespace"], meta["name"])
    if now is None or now["metadata"]["uid"] != meta["uid"]:
        return False
    status = _status(now, container) or {}
    newest = file.name == f"{container}.{status.get('restartCount', 0)}.log"
    return newest and "running" in status.get("state", {})


def _lines(data: bytes) -> list[_Line]:
    # not splitlines(): a progress bar's carriage return is no end of a line
    matches = filter(None, map(CRI_LINE.fullmatch, data.split(b"\n")))
    return [_Line(match["time"], match["text"] + (b"\n" if match["tag"] == b"F" else b"")) for match in matches]


def _tail(lines: list[_Line], count: int | None) -> list[_Line]:
    """The last lines; the parts of one long line count as one."""
    if count is None:
        return lines
    start = len(lines)
    while start > 0 and count > 0:
        start -= 1
        count -= start == 0 or lines[start - 1].text.endswith(b"\n")
    return lines[start:]


def _after(line: _Line, since: datetime | None) -> bool:
    return since is None or _time(line.time) >= since


def _time(text: bytes) -> datetime:
    """A time as Kubernetes writes it; datetime holds only six of the nine digits of a fraction."""
    whole, _, fraction = text.decode().replace("Z", "+00:00").partition(".")
    digits = re.match(r"\d*", fraction)[0]  # type: ignore[index]  # `*` always matches
    return datetime.fromisoformat(f"{whole}.{digits[:6]:0<6}{fraction[len(digits) :]}" if fraction else whole)
