"""Imitates the control plane's loops and the nodes: everything that moves without a request to the API."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from localgke import garbage, jobs, nodepools, scheduler
from localgke.config import Config
from localgke.kubelet import Kubelet
from localgke.objects import reconcile, together
from localgke.store import Store


async def run(store: Store, config: Config, state: Path) -> None:
    """Runs until cancelled; then every container is dead. `state`: a directory for logs and volumes.

    Raises what goes wrong in any loop, first of all SandboxError where this machine cannot make containers.
    """
    job_controller = jobs.JobController(store, config.settings.backoff_seconds)
    node_pools = nodepools.NodePools(store, config)
    await together(
        Kubelet(store, config, state).run(),
        reconcile(store, jobs.WATCHED, job_controller.sync),
        reconcile(store, garbage.WATCHED, partial(garbage.sync, store)),
        reconcile(store, scheduler.WATCHED, partial(scheduler.sync, store)),
        reconcile(store, nodepools.WATCHED, node_pools.sync),
    )
