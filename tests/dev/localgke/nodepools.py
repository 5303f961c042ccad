"""Imitates GKE's node pools: adds and removes nodes as the autoscaler decides."""

from __future__ import annotations

import time

from localgke.autoscaler import Autoscaler
from localgke.config import Config
from localgke.objects import NODES, PODS, delete, record
from localgke.store import Store


class NodePools:
    """Makes the initial nodes of the pools; call `sync` whenever a Pod or a node has changed."""

    def __init__(self, store: Store, config: Config):
        self._store = store
        self._autoscaler = Autoscaler(config)
        for node in self._autoscaler.initial_nodes():
            store.create(NODES, node)

    def sync(self) -> float | None:
        """Adds and removes nodes. Returns the seconds until the next change, None without one."""
        step = self._autoscaler.step(self._store.list(PODS), self._store.list(NODES), time.monotonic())
        for node in step.add:
            self._store.create(NODES, node)
        for node in step.remove:
            delete(self._store, node)
        for pod, kind, reason, message in step.events:
            record(self._store, pod, "cluster-autoscaler", kind, reason, message)
        return step.wake
