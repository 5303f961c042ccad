"""The frame of a server in the foreground: it listens on the loopback address until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

HOST = "127.0.0.1"


class Listeners:
    """The listening sockets of a server; SIGTERM and SIGINT set `stopping`."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self._runners: list[web.AppRunner] = []
        self._silent: asyncio.Server | None = None

    async def prepare(self, app: web.Application) -> web.AppRunner:
        """Returns a runner for `app` that does not listen yet."""
        # A watch or a followed log ends with its client, and does not delay the end of the server.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def listen(self, app: web.Application, context: ssl.SSLContext | None = None) -> str:
        """Serves `app` on a free port; returns HOST:PORT."""
        runner = await self.prepare(app)
        await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
        return f"{HOST}:{runner.addresses[0][1]}"

    async def listen_silently(self) -> str:
        """Accepts connections on a free port and never answers; returns HOST:PORT."""
        self._silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(3600), HOST, 0)
        return "{}:{}".format(*self._silent.sockets[0].getsockname())

    async def close(self) -> None:
        """Stops listening."""
        if self._silent is not None:
            self._silent.close()
        for runner in self._runners:
            await runner.cleanup()


@contextlib.asynccontextmanager
async def serving(state: Path) -> AsyncIterator[Listeners]:
    """Runs a server in `state`, an existing directory, and removes it at the end. After an error the log is kept."""
    listeners = Listeners()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, listeners.stopping.set)
    try:
        (state / "pid").write_text(f"{os.getpid()}\n")
        yield listeners
    except BaseException:
        (state / "env").unlink(missing_ok=True)  # the log is kept for `stop`, which prints it
        raise
    else:
        shutil.rmtree(state)
    finally:
        await listeners.close()


def tls_context(state: Path) -> ssl.SSLContext:
    """TLS with the certificate that tls.create has made in `state`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(state / "server.pem", state / "server.key")
    return context
