"""Runs one stand-in: the Kubernetes API, the GKE API and the controllers, in one event loop, until told to end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from localgke import access, api, controllers, gke, tls
from localgke.admission import admit_new
from localgke.config import Config
from localgke.resources import BY_KIND
from localgke.serving import serving, tls_context
from localgke.store import Store

NAMESPACES = BY_KIND["v1", "Namespace"]


async def serve(config: Config, state: Path) -> None:
    """Serves until SIGTERM or SIGINT, or until a controller dies, which is raised; removes `state` in any case.

    `state` is an existing directory. The file `ready` in it says that everything is there and answers.
    """
    async with serving(state) as listeners:
        store = Store()
        _create_namespaces(store, config)
        tls.create(state)
        kubernetes = await listeners.listen(api.make_app(store, config, state), tls_context(state))
        cluster = await listeners.listen(gke.make_app(config, kubernetes, state / "ca.pem"))
        access.write_env(config, state, kubernetes, cluster)
        running = asyncio.create_task(controllers.run(store, config, state))
        ending = asyncio.create_task(listeners.told_to_end.wait())
        (state / "ready").touch()
        await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
            raise RuntimeError("the controllers ended by themselves")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _create_namespaces(store: Store, config: Config) -> None:
    for name in config.namespaces:
        obj = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        admit_new(NAMESPACES, obj)
        store.create("namespaces", obj)
