"""Imitates GKE's node pools and its cluster autoscaler, which adds nodes for Pods that fit nowhere; it removes none.

A node's capacity is its allocatable: nothing is reserved for the system, and any number of Pods may run there.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from localgke.config import Config, NodePool
from localgke.objects import NODES, PODS, condition, record
from localgke.scheduler import free, obstacles, take, tally, unscheduled
from localgke.store import Object, Store, now

FULL = "max node group size reached"


class Coming(NamedTuple):
    """A node that was asked for, and when it will be there (monotonic clock)."""

    at: float
    node: Object


class NodePools:
    """Makes the nodes that the pools start with; call `sync` whenever a Pod or a node has changed."""

    def __init__(self, store: Store, config: Config):
        self._store = store
        self._config = config
        self._sizes = {pool.name: 0 for pool in config.node_pools}
        self._coming: list[Coming] = []
        self._told: set[tuple[str, str]] = set()  # to which Pod (uid) the autoscaler has said what
        for pool in config.node_pools:
            for _ in range(pool.size):
                self._order(pool, 0)
        self.sync()

    def sync(self) -> float | None:
        """Lets nodes arrive and asks for missing ones. Returns in how many seconds the next one arrives."""
        self._scale_up()
        for coming in [coming for coming in self._coming if coming.at <= time.monotonic()]:
            self._coming.remove(coming)
            self._store.create(NODES, coming.node)
        return min((max(0.0, coming.at - time.monotonic()) for coming in self._coming), default=None)

    def _scale_up(self) -> None:
        waiting = [pod for pod in unscheduled(self._store) if condition(pod, "PodScheduled")]
        if not waiting:
            return
        pods = self._store.list(PODS)
        room = [(node, free(node, pods)) for node in (*self._store.list(NODES), *(item.node for item in self._coming))]
        for pod in waiting:
            place = next((left for node, left in room if not obstacles(pod, node, left)), None)
            if place is None and (node := self._grow_for(pod)):
                place = free(node, [])
                room.append((node, place))
            if place is not None:
                take(place, pod)

    def _grow_for(self, pod: Object) -> Object | None:
        """The node that is on its way from now on, from the first pool that helps the Pod."""
        reasons: list[str] = []
        for pool in self._config.node_pools:
            if pool.max_size == pool.size:  # not autoscaled
                continue
            size, node = self._sizes[pool.name], self._node(pool)
            why = obstacles(pod, node, free(node, [])) or ([FULL] if size >= pool.max_size else [])
            if not why:
                change = f"{pool.name} {size}->{size + 1} (max: {pool.max_size})"
                self._tell(pod, "TriggeredScaleUp", f"pod triggered scale-up: [{{{change}}}]")
                return self._order(pool, pool.scale_up_seconds)
            reasons += why
        if reasons:
            self._tell(pod, "NotTriggerScaleUp", f"pod didn't trigger scale-up: {tally(reasons)}")
        return None

    def _tell(self, pod: Object, reason: str, message: str) -> None:
        said = pod["metadata"]["uid"], message
        if said not in self._told:
            self._told.add(said)
            record(self._store, pod, "cluster-autoscaler", "Normal", reason, message)

    def _order(self, pool: NodePool, seconds: float) -> Object:
        node = self._node(pool)
        self._sizes[pool.name] += 1
        self._coming.append(Coming(time.monotonic() + seconds, node))
        return node

    def _node(self, pool: NodePool) -> Object:
        """The pool's next node."""
        name = f"gke-{self._config.name}-{pool.name}-{self._sizes[pool.name] + 1}"
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "arm64" if os.uname().machine == "aarch64" else "amd64",
            "cloud.google.com/gke-nodepool": pool.name,
            "topology.kubernetes.io/region": self._config.location,
            **({"cloud.google.com/gke-spot": "true", "cloud.google.com/gke-provisioning": "spot"} if pool.spot else {}),
            **pool.labels,
        }
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": now()}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": pool.taints} if pool.taints else {},
            "status": {
                "capacity": pool.allocatable,
                "allocatable": pool.allocatable,
                "conditions": [ready],
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "nodeInfo": {"kubeletVersion": f"v{self._config.version}"},
            },
        }
