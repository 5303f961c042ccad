"""Forwards requests to an API server, and applies the current faults to them.

Bytes are forwarded as they arrive, in both directions; nothing is buffered, decompressed or retried.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import aiohttp
import yarl
from aiohttp import hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy

from faults import answers, rules
from faults.rules import Fault, Request
from localgke.config import Config

OF_ONE_CONNECTION = (hdrs.CONNECTION, hdrs.HOST, hdrs.KEEP_ALIVE, hdrs.TE, hdrs.TRANSFER_ENCODING, hdrs.UPGRADE)

ADDED = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)  # by aiohttp if a client sends none


class Cut(Exception):  # noqa: N818 - it never leaves this module
    """The connection to the client must be cut."""


@dataclass(eq=False)
class Stream:
    """An answer in progress. `struck` receives the next fault that applies; `rest`: the incomplete last watch event."""

    request: Request
    upstream: aiohttp.ClientResponse
    response: web.StreamResponse
    struck: asyncio.Future[Fault]
    rest: bytes = b""

    async def copy(self, limit: int | None) -> None:
        """Forwards the rest of the answer. Raises Cut after `limit` bytes."""
        async for data in self.upstream.content.iter_any():
            if self.request.kind == "watch":  # only whole events, so that an event of the proxy can follow
                whole, newline, self.rest = (self.rest + data).rpartition(b"\n")
                data = whole + newline
            if data:
                await self.response.write(data[:limit])
            if limit is not None:
                limit -= len(data)
                if limit <= 0:
                    raise Cut
        if self.rest:
            await self.response.write(self.rest)

    async def copy_until_struck(self, limit: int | None) -> Fault | None:
        """Forwards the answer. Returns the fault that interrupts it, None at its end."""
        if not self.struck.done():
            copying = asyncio.create_task(self.copy(limit))
            either: set[asyncio.Future[Any]] = {copying, self.struck}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if copying.done():
                    copying.result()
                    return None
            finally:
                copying.cancel()
                await asyncio.wait({copying})
        fault = self.struck.result()
        self.struck = _future()
        return fault


class Proxy:
    """The current faults, the running streams, and the counts. `upstream` is the URL of the API server."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession, config: Config):
        self.requests: Counter[str] = Counter(dict.fromkeys((*rules.KINDS, "struck"), 0))
        self.of_namespace: dict[str, Counter[str]] = {}
        self._upstream = upstream
        self._session = session
        self._config = config
        self._faults: list[Fault] = []
        self._streams: list[Stream] = []  # the oldest first
        self._changed = asyncio.Event()

    def set_faults(self, faults: list[Fault]) -> None:
        """Replaces the faults, applies them to running streams, and releases requests that the former faults held."""
        self._faults = faults
        for stream in self._streams:
            if not stream.struck.done():
                fault = self._strike(stream.request, running=True)
                if fault is not None:
                    stream.struck.set_result(fault)
        self._changed.set()
        self._changed = asyncio.Event()

    async def handle(self, incoming: web.Request) -> web.StreamResponse:
        """Answers a request of a client."""
        request = Request.of(incoming.method, incoming.path, incoming.query)
        self.requests.update(request.kinds)
        self.of_namespace.setdefault(request.namespace, Counter()).update(request.kinds)
        fault = self._strike(request)
        while fault is not None and fault.action == "blackhole":
            await self._changed.wait()
            fault = self._strike(request)
        try:
            response = await self._answer(incoming, request, fault)
            # One request per connection: Go's HTTP client retries silently when a reused connection is cut.
            response.force_close()
            return response
        except (Cut, aiohttp.ClientError):  # an error of the connection to the API server cuts the client's connection
            if incoming.transport is not None:
                incoming.transport.abort()
            return web.Response()

    def _strike(self, request: Request, *, running: bool = False) -> Fault | None:
        fault = rules.strike(self._faults, request, running=running)
        self.requests["struck"] += fault is not None
        return fault

    async def _answer(self, incoming: web.Request, request: Request, fault: Fault | None) -> web.StreamResponse:
        if fault is None:
            return await self._pass_on(incoming, request)
        match fault.action:
            case "status":
                return self._error(fault.code, incoming, request)
            case "gone" if request.kind == "watch":
                return web.Response(body=_gone(request), content_type="application/json")
            case "gone":
                return self._error(410, incoming, request)
            case "end":
                return web.Response(content_type="application/json")
            case "delay":
                await self._wait(fault.seconds)
                return await self._pass_on(incoming, request)
            case "drop" if fault.bytes:
                return await self._pass_on(incoming, request, limit=fault.bytes)
            case "lose":
                async with self._ask(incoming):
                    pass  # executed, without an answer
        raise Cut

    def _error(self, code: int, incoming: web.Request, request: Request) -> web.Response:
        user = self._config.user(incoming.headers.get(hdrs.AUTHORIZATION, ""))
        error = answers.error(code, request, user.name if user else "system:anonymous")
        headers = {hdrs.RETRY_AFTER: str(answers.RETRY_AFTER_SECONDS)} if code == 429 else {}
        return web.json_response(error.status(), status=code, headers=headers)

    async def _wait(self, seconds: float | None) -> None:
        """Waits until the faults are replaced, or `seconds` have passed."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    async def _pass_on(self, incoming: web.Request, request: Request, limit: int | None = None) -> web.StreamResponse:
        async with self._ask(incoming) as upstream:
            headers = _end_to_end(upstream.headers)
            response = web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=headers)
            response.force_close()
            await response.prepare(incoming)
            stream = Stream(request, upstream, response, _future())
            if request.is_stream:
                self._streams.append(stream)
            try:
                await self._run(stream, limit)
            finally:
                if request.is_stream:
                    self._streams.remove(stream)
        return response

    async def _run(self, stream: Stream, limit: int | None) -> None:
        while fault := await stream.copy_until_struck(limit):
            match fault.action:
                case "end":
                    return
                case "gone":
                    await stream.response.write(_gone(stream.request))
                    return
                case "blackhole":
                    await self._changed.wait()
                case "drop" if not fault.bytes:
                    raise Cut
                case "drop":
                    limit = fault.bytes

    def _ask(self, incoming: web.Request) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.request(
            incoming.method,
            yarl.URL(self._upstream + incoming.raw_path, encoded=True),
            headers=_end_to_end(incoming.headers),
            skip_auto_headers=ADDED,
            data=incoming.content if incoming.body_exists else None,
            allow_redirects=False,
        )


def _gone(request: Request) -> bytes:
    return json.dumps({"type": "ERROR", "object": answers.error(410, request, "").status()}).encode() + b"\n"


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    kept = headers.copy()
    for name in OF_ONE_CONNECTION:
        kept.popall(name, None)
    return kept


def _future() -> asyncio.Future[Fault]:
    return asyncio.get_running_loop().create_future()
