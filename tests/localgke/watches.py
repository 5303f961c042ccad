"""Imitates watches: what exists at first, then each change, as lines of JSON, until the time is up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

from localgke.errors import ApiError
from localgke.resources import Target
from localgke.selectors import Matches
from localgke.store import Change, Object, Store

BOOKMARK_SECONDS = 60.0
DEFAULT_TIMEOUT_SECONDS = 1800.0

Event = dict[str, Any]
Render = Callable[[Object, bool], Object]


async def stream(
    request: web.Request, store: Store, target: Target, *, matches: Matches, render: Render
) -> web.StreamResponse:
    """Answers a watch request. `render` gives an object its wire form; it is told whether it is the first one."""
    query = request.query
    if query.get("sendInitialEvents") == "true":
        why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        raise ApiError("Invalid", f'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: {why}')
    bookmarks = query.get("allowWatchBookmarks") == "true"
    since = query.get("resourceVersion") or "0"
    if not since.isdigit():
        raise ApiError("BadRequest", f'Invalid value: "{since}": a resource version is a number')
    timeout = float(query.get("timeoutSeconds") or DEFAULT_TIMEOUT_SECONDS)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    first = True
    with contextlib.suppress(ConnectionError):  # the client has gone: nobody to tell
        async for event in _events(store, target, matches, since, time.monotonic() + timeout):
            if event["type"] == "BOOKMARK" and not bookmarks:
                continue
            if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                event["object"] = render(event["object"], first)
                first = False
            await response.write(json.dumps(event).encode() + b"\n")
        await response.write_eof()
    return response


async def _events(store: Store, target: Target, matches: Matches, since: str, deadline: float) -> AsyncIterator[Event]:
    resource = target.resource
    seen = since
    if since == "0":
        seen = store.version
        for obj in store.list(resource.name, target.namespace, matches):
            yield {"type": "ADDED", "object": obj}
    while (remaining := deadline - time.monotonic()) > 0:
        changes = store.watch(seen)
        try:
            while True:
                change = await asyncio.wait_for(changes.__anext__(), min(BOOKMARK_SECONDS, remaining))
                seen = str(change.version)
                event = _event(change, target, matches)
                if event:
                    yield event
                remaining = deadline - time.monotonic()
        except asyncio.TimeoutError:
            meta = {"resourceVersion": seen, "creationTimestamp": None}
            bookmark = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
            yield {"type": "BOOKMARK", "object": bookmark}
        except ApiError as error:
            yield {"type": "ERROR", "object": error.status()}
            return
        finally:
            await changes.aclose()


def _event(change: Change, target: Target, matches: Matches) -> Event | None:
    """The change as this watch sees it: an object that a selector no longer takes is gone, one it now takes is new."""
    obj = change.object
    if change.resource != target.resource.name or target.namespace not in ("", obj["metadata"].get("namespace", "")):
        return None
    before, after = change.old is not None and matches(change.old), matches(obj)
    if change.type == "DELETED":
        return {"type": "DELETED", "object": obj} if before else None
    if after:
        return {"type": "MODIFIED" if before else "ADDED", "object": obj}
    return {"type": "DELETED", "object": obj} if before else None
