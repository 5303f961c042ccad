"""Passes requests on to an API server, and strikes them with the faults that are set.

Bytes are passed on as they come, in both directions; nothing is collected, unpacked or repeated.
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

ADDED = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)  # by aiohttp where a client sends none


class Cut(Exception):  # noqa: N818 - it never leaves this module
    """The connection to the client is to be cut."""


@dataclass(eq=False)
class Stream:
    """An answer on its way. `struck` gets the next fault that strikes it; `rest` is an event of a watch so far."""

    request: Request
    upstream: aiohttp.ClientResponse
    response: web.StreamResponse
    struck: asyncio.Future[Fault]
    rest: bytes = b""

    async def copy(self, limit: int | None) -> None:
        """Passes on what is left of the answer. Raises Cut after `limit` bytes."""
        async for data in self.upstream.content.iter_any():
            if self.request.kind == "watch":  # whole events, so that one of ours can follow
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
        """Passes on the answer. None at its end; else the fault that strikes it before."""
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
    """The faults that are set, what runs, and what came in. `upstream` is the URL of the API server."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession, config: Config):
        self.requests: Counter[str] = Counter(dict.fromkeys((*rules.KINDS, "struck"), 0))
        self._upstream = upstream
        self._session = session
        self._config = config
        self._faults: list[Fault] = []
        self._streams: list[Stream] = []  # the oldest first
        self._changed = asyncio.Event()

    def set_faults(self, faults: list[Fault]) -> None:
        """Replaces the faults: they strike what runs; what waited for the end of the former ones goes on."""
        self._faults = faults
        for stream in self._streams:
            if not stream.struck.done():
                fault = self._strike(stream.request, running=True)
                if fault is not None:
                    stream.struck.set_result(fault)
        self._changed.set()
        self._changed = asyncio.Event()

    async def handle(self, incoming: web.Request) -> web.StreamResponse:
        """Answers one request of a client."""
        request = Request.of(incoming.method, incoming.path, incoming.query)
        self.requests.update(request.kinds)
        fault = self._strike(request)
        while fault is not None and fault.action == "blackhole":
            await self._changed.wait()
            fault = self._strike(request)
        try:
            response = await self._answer(incoming, request, fault)
            # One request a connection: Go's HTTP client hides a cut from kubectl if it had used the connection before.
            response.force_close()
            return response
        except (Cut, aiohttp.ClientError):  # what befalls the connection to the API server befalls the client's
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
                    pass  # carried out, and nobody is told
        raise Cut

    def _error(self, code: int, incoming: web.Request, request: Request) -> web.Response:
        user = self._config.user(incoming.headers.get(hdrs.AUTHORIZATION, ""))
        error = answers.error(code, request, user.name if user else "system:anonymous")
        headers = {hdrs.RETRY_AFTER: str(answers.RETRY_AFTER_SECONDS)} if code == 429 else {}
        return web.json_response(error.status(), status=code, headers=headers)

    async def _wait(self, seconds: float | None = None) -> None:
        """Until the faults are others, or the time is up."""
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
