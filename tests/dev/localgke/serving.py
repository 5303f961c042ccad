"""The frame of a server in the foreground: it listens on the loopback address, until told to end."""

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
    """What a server listens on; `told_to_end` is set by SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self.told_to_end = asyncio.Event()
        self._runners: list[web.AppRunner] = []
        self._silent: asyncio.Server | None = None

    async def prepare(self, app: web.Application) -> web.AppRunner:
        """A runner for `app` that does not listen yet."""
        # A watch or a followed log ends with its client, and does not hold up the end of the server.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def listen(self, app: web.Application, context: ssl.SSLContext | None = None) -> str:
        """Serves `app` on a free port, and says where: HOST:PORT."""
        runner = await self.prepare(app)
        await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
        return f"{HOST}:{runner.addresses[0][1]}"

    async def listen_silently(self) -> str:
        """Accepts connections on a free port, never answers, and says where: HOST:PORT."""
        self._silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(3600), HOST, 0)
        return "{}:{}".format(*self._silent.sockets[0].getsockname())

    async def close(self) -> None:
        """Listens no more."""
        if self._silent is not None:
            self._silent.close()
        for runner in self._runners:
            await runner.cleanup()


@contextlib.asynccontextmanager
async def serving(state: Path) -> AsyncIterator[Listeners]:
    """The life of a server in `state`, an existing directory: removed in the end, but for an error, with its log."""
    listeners = Listeners()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, listeners.told_to_end.set)
    try:
        (state / "pid").write_text(f"{os.getpid()}\n")
        yield listeners
    except BaseException:
        (state / "env").unlink(missing_ok=True)  # the log stays, for `stop` to show
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
