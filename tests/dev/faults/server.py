"""Runs a proxy: the API server's double, a GKE API that returns its address, and the control API of the faults."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from faults.proxy import Proxy
from faults.rules import Fault
from localgke import access, config, gke, metadata, tls
from localgke.serving import HOST, serving, tls_context
from localgke.tokens import Tokens


class Door:
    """The port for clients. It stays bound while closed, so that clients are refused and no other program gets it."""

    def __init__(self, app: web.Server, context: ssl.SSLContext):
        self._app = app
        self._context = context
        self._server: asyncio.Server | None = None
        self._keeper = socket.socket()
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._keeper.bind((HOST, 0))  # it reserves the port, and never listens
        self.port: int = self._keeper.getsockname()[1]

    async def open(self) -> None:
        """Accepts clients."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._app, HOST, self.port, ssl=self._context, reuse_port=True)

    def close(self) -> None:
        """Cuts every connection and refuses clients."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._app.connections:
            if connection.transport is not None:
                connection.transport.abort()


async def serve(upstream: Path, state: Path) -> None:
    """Serves until SIGTERM or SIGINT; removes `state`. `upstream` is the state directory of a running cluster.

    `state` is an existing directory. It gets `control`, HOST:PORT of the control API, and `ready` once all servers run.
    """
    described = config.load()
    cluster = yaml.safe_load((upstream / "kubeconfig").read_text())["clusters"][0]["cluster"]
    connector = aiohttp.TCPConnector(
        ssl=ssl.create_default_context(cafile=cluster["certificate-authority"]),
        limit=0,
        force_close=True,  # a connection that the API server has closed would look like a fault
    )
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session,
        serving(state) as listeners,
    ):
        tls.create(state)
        proxy = Proxy(cluster["server"], session, described)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = await listeners.prepare(app)
        assert runner.server is not None  # prepare has set it
        door = Door(runner.server, tls_context(state))
        await door.open()
        address = f"{HOST}:{door.port}"
        tokens = Tokens(described, static=True)  # the API server knows only these tokens
        endpoints = gke.Endpoints(public=address)
        services = {
            "metadata": await listeners.listen(metadata.make_app(described, tokens)),
            "gke": await listeners.listen(gke.make_app(described, tokens, endpoints, state / "ca.pem")),
        }
        (state / "control").write_text(await listeners.listen(_control(proxy, door)))
        access.write_env(described, state, address, services)
        (state / "ready").touch()
        await listeners.stopping.wait()
        door.close()


def _control(proxy: Proxy, door: Door) -> web.Application:
    async def set_faults(request: web.Request) -> web.Response:
        faults = [Fault.parse(text) for text in await request.json()]
        proxy.set_faults(faults)
        if any(fault.action == "refuse" for fault in faults):
            door.close()
        else:
            await door.open()
        return web.Response()

    async def count(request: web.Request) -> web.Response:
        namespace = request.query.get("namespace")
        return web.json_response(proxy.requests if namespace is None else proxy.of_namespace.get(namespace, {}))

    app = web.Application()
    app.router.add_put("/faults", set_faults)
    app.router.add_get("/requests", count)
    return app
