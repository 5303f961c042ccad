"""Imitates watches: existing objects first, then each change, as lines of JSON, until the timeout; no bookmarks."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable

from aiohttp import web

from localgke.errors import ApiError
from localgke.resources import Target
from localgke.selectors import Matches
from localgke.store import Change, Object, Store

DEFAULT_TIMEOUT_SECONDS = 1800

Render = Callable[[Object, bool], Object]


async def stream(
    request: web.Request, store: Store, target: Target, *, matches: Matches, render: Render
) -> web.StreamResponse:
    """Answers a watch request. `render` serializes an object; its second argument is whether it is the first one."""
    query = request.query
    if query.get("sendInitialEvents") == "true":
        why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        raise ApiError("Invalid", f'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: {why}')
    since, seconds = query.get("resourceVersion") or "0", query.get("timeoutSeconds") or str(DEFAULT_TIMEOUT_SECONDS)
    if not (since.isdigit() and seconds.isdigit()):
        raise ApiError("BadRequest", f"resourceVersion {since} and timeoutSeconds {seconds} must be numbers")
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)

    async def send() -> None:
        first = True
        async with contextlib.aclosing(_events(store, target, matches, since)) as events:
            async for kind, obj in events:
                sent = obj if kind == "ERROR" else render(obj, first)
                await response.write(json.dumps({"type": kind, "object": sent}).encode() + b"\n")
                first = False

    with contextlib.suppress(ConnectionError):  # the client has disconnected
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(send(), int(seconds))
        await response.write_eof()
    return response


async def _events(
    store: Store, target: Target, matches: Matches, since: str
) -> AsyncGenerator[tuple[str, Object], None]:
    """Yields type and object of each event of a watch."""
    if since == "0":
        since = store.version
        for obj in store.list(target.resource.name, target.namespace, matches):
            yield "ADDED", obj
    try:
        async with contextlib.aclosing(store.watch(since)) as changes:
            async for change in changes:
                kind = _event_type(change, target, matches)
                if kind:
                    yield kind, change.object
    except ApiError as error:
        yield "ERROR", error.status()


def _event_type(change: Change, target: Target, matches: Matches) -> str | None:
    """Returns the event type for this watch: ADDED or DELETED when an object begins or ceases to match its selector."""
    obj = change.object
    if change.resource != target.resource.name or target.namespace not in ("", obj["metadata"].get("namespace", "")):
        return None
    before = change.old is not None and matches(change.old)
    after = change.type != "DELETED" and matches(obj)
    return {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED"}.get((before, after))
