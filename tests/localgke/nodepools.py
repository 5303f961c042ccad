"""Imitates GKE's node pools and its cluster autoscaler, which adds nodes for Pods that fit nowhere, one after
the other; it removes none.

A node's capacity is its allocatable: nothing is reserved for the system, and any number of Pods may run there.
"""

from __future__ import annotations

import os
import time
from collections import Counter

from localgke.config import Config, NodePool
from localgke.objects import NODES, PODS, condition, record
from localgke.scheduler import obstacles, tally, unscheduled
from localgke.store import Object, Store, now

FULL = "max node group size reached"


class NodePools:
    """Makes the nodes that the pools start with; call `sync` whenever a Pod or a node has changed."""

    def __init__(self, store: Store, config: Config):
        self._store = store
        self._config = config
        self._coming: tuple[float, Object] | None = None  # when it will be there (monotonic clock), and the node
        self._told: set[tuple[str, str]] = set()  # to which Pod (uid) the autoscaler has said what
        self._numbers = Counter(
            {pool.name: pool.size for pool in config.node_pools}
        )  # no node takes the name of another
        for pool in config.node_pools:
            for number in range(pool.size):
                store.create(NODES, self._node(pool, number + 1))

    def sync(self) -> float | None:
        """Lets a node arrive, or asks for one. Returns in how many seconds it arrives."""
        if self._coming:
            at, node = self._coming
            if at > time.monotonic():
                return at - time.monotonic()
            self._coming = None
            self._store.create(NODES, node)  # the scheduler's turn
            return None
        waiting = [pod for pod in unscheduled(self._store.list(PODS)) if condition(pod, "PodScheduled")]
        return next((seconds for pod in waiting if (seconds := self._grow_for(pod)) is not None), None)

    def _grow_for(self, pod: Object) -> float | None:
        """Orders a node of the first pool that helps the Pod, and returns in how many seconds it is there."""
        reasons: list[str] = []
        nodes = Counter(node["metadata"]["labels"]["cloud.google.com/gke-nodepool"] for node in self._store.list(NODES))
        for pool in (pool for pool in self._config.node_pools if pool.max_size > pool.size):
            size = nodes[pool.name]
            node = self._node(pool, self._numbers[pool.name] + 1)
            why = obstacles(pod, node) or ([FULL] if size == pool.max_size else [])
            if not why:
                self._numbers[pool.name] += 1
                self._coming = time.monotonic() + pool.scale_up_seconds, node
                change = f"{pool.name} {size}->{size + 1} (max: {pool.max_size})"
                self._tell(pod, "TriggeredScaleUp", f"pod triggered scale-up: [{{{change}}}]")
                return pool.scale_up_seconds
            reasons += why
        if reasons:
            self._tell(pod, "NotTriggerScaleUp", f"pod didn't trigger scale-up: {tally(reasons)}")
        return None

    def _tell(self, pod: Object, reason: str, message: str) -> None:
        said = pod["metadata"]["uid"], message
        if said not in self._told:
            self._told.add(said)
            record(self._store, pod, "cluster-autoscaler", "Normal", reason, message)

    def _node(self, pool: NodePool, number: int) -> Object:
        name = f"gke-{self._config.name}-{pool.name}-{number}"
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
