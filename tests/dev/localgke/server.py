"""Runs a stand-in: the Kubernetes API, the GKE API and the controllers, in one event loop, until a signal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from localgke import access, api, controllers, fleet, gke, iam, metadata, tls
from localgke.admission import admit_new
from localgke.config import Config
from localgke.resources import BY_KIND
from localgke.serving import HOST, Listeners, serving, tls_context
from localgke.store import Store
from localgke.tokens import Tokens

NAMESPACES = BY_KIND["v1", "Namespace"]


async def serve(config: Config, state: Path) -> None:
    """Serves until SIGTERM or SIGINT. Raises the error of a controller that fails. Removes `state` in both cases.

    `state` is an existing directory. It gets the file `ready` when all servers answer.
    """
    async with serving(state) as listeners:
        store = Store()
        _create_namespaces(store, config)
        tls.create(state)
        await _listen(listeners, store, config, state)
        running = asyncio.create_task(controllers.run(store, config, state))
        ending = asyncio.create_task(listeners.stopping.wait())
        (state / "ready").touch()
        await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
            raise RuntimeError("the controllers ended unexpectedly")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _listen(listeners: Listeners, store: Store, config: Config, state: Path) -> None:
    """Serves everything, and writes `env`."""
    tokens = Tokens(config)
    context = tls_context(state)

    async def kubernetes(front: api.Front) -> str:
        return await listeners.listen(api.make_app(store, config, state, tokens, front), context)

    public = await kubernetes(api.Front())
    dns = await kubernetes(api.Front(permission="container.clusters.connect"))
    gateway = await kubernetes(api.Front(permission="gkehub.gateway.", prefix=fleet.gateway_prefix(config)))
    endpoints = gke.Endpoints(public=public, dns=_named(dns), silent=await listeners.listen_silently())
    services = {
        "metadata": await listeners.listen(metadata.make_app(config, tokens)),
        "gke": await listeners.listen(gke.make_app(config, tokens, endpoints, state / "ca.pem")),
        "fleet": await listeners.listen(fleet.make_app(config, tokens, _named(gateway))),
        "iam": await listeners.listen(iam.make_app(tokens)),
    }
    access.write_env(config, state, public, services)


def _named(address: str) -> str:
    return address.replace(HOST, "localhost")


def _create_namespaces(store: Store, config: Config) -> None:
    for name in config.namespaces:
        obj = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        admit_new(NAMESPACES, obj)
        store.create("namespaces", obj)
