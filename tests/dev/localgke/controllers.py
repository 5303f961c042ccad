"""Imitates the control loops and the nodes: all changes that happen without a request to the API.

A real cluster has a process for each; here one loop calls them in turn, after every change and when one is due.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from localgke import disruption, garbage, runtime, scheduler, ttl
from localgke.config import Config
from localgke.errors import ApiError
from localgke.jobs import JobController
from localgke.kubelet import Kubelet
from localgke.nodepools import NodePools
from localgke.store import Store


async def run(store: Store, config: Config, state: Path) -> None:
    """Runs until cancelled, then kills every container. `state`: a directory for logs and volumes.

    Raises any error of a controller, and SandboxError if this machine cannot make containers.
    """
    node_pools, kubelet = NodePools(store, config), Kubelet(store, config, state)
    job_controller = JobController(store, config.settings.backoff_seconds)
    await runtime.check()
    try:
        while True:
            changed = asyncio.create_task(_change(store, store.version))
            garbage.sync(store)
            disruption.taint_cordoned(store)
            disruption.shut_down(store)
            disruption.end_homeless(store)
            waits = [job_controller.sync(), ttl.sync(store), node_pools.sync()]
            scheduler.sync(store)
            kubelet.sync()
            seconds = min((wait for wait in waits if wait is not None), default=None)
            await asyncio.wait({changed, *kubelet.running}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
    finally:
        await kubelet.stop()


async def _change(store: Store, version: str) -> None:
    """Returns after the next change of an object other than an event."""
    with contextlib.suppress(ApiError):  # more changes than the history of the store
        await store.watch(version, lambda change: change.resource != "events").__anext__()
