"""Runs one stand-in: the Kubernetes API, the GKE API and the controllers, in one event loop, until told to end."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
from pathlib import Path

from aiohttp import web

from localgke import access, api, controllers, gke, tls
from localgke.admission import admit_new
from localgke.config import Config
from localgke.resources import BY_KIND
from localgke.store import Store

HOST = "127.0.0.1"
NAMESPACES = BY_KIND["v1", "Namespace"]


async def serve(config: Config, state: Path) -> None:
    """Serves until SIGTERM or SIGINT, or until a controller dies, which is raised; removes `state` in any case.

    `state` is an existing directory. The file `ready` in it says that everything is there and answers.
    """
    loop = asyncio.get_running_loop()
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_end.set)
    store = Store()
    runners: list[web.AppRunner] = []
    try:
        (state / "pid").write_text(f"{os.getpid()}\n")
        _create_namespaces(store, config)
        tls.create(state)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(state / "server.pem", state / "server.key")
        kubernetes = await _listen(runners, api.make_app(store, config, state), context)
        cluster = await _listen(runners, gke.make_app(config, kubernetes, state / "ca.pem"), None)
        access.write_env(config, state, kubernetes, cluster)
        running = asyncio.create_task(controllers.run(store, config, state))
        ending = asyncio.create_task(told_to_end.wait())
        (state / "ready").touch()
        await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
            raise RuntimeError("the controllers ended by themselves")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    except BaseException:
        (state / "env").unlink(missing_ok=True)  # the log stays, for `stop` to show
        raise
    else:
        shutil.rmtree(state)
    finally:
        for runner in runners:
            await runner.cleanup()


async def _listen(runners: list[web.AppRunner], app: web.Application, context: ssl.SSLContext | None) -> str:
    """Serves `app` on a free port, and says where: HOST:PORT."""
    # A watch or a followed log ends with its client, and does not hold up the end of the server.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    runners.append(runner)
    await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
    return f"{HOST}:{runner.addresses[0][1]}"


def _create_namespaces(store: Store, config: Config) -> None:
    for name in config.namespaces:
        obj = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        admit_new(NAMESPACES, obj)
        store.create("namespaces", obj)
