"""Imitates GKE's node pools and its cluster autoscaler, which adds nodes for Pods that fit nowhere; it removes none.

A node's capacity is its allocatable: nothing is reserved for the system.
"""

from __future__ import annotations

import os
import time

from localgke.config import Config, NodePool
from localgke.objects import NODES, PODS, condition, record
from localgke.scheduler import Resources, free, obstacles, take, tally, unscheduled
from localgke.store import Object, Store, now

WATCHED = (PODS, NODES)
COMPONENT = "cluster-autoscaler"
MAX_PODS = "110"
FULL = "max node group size reached"


class NodePools:
    """Makes the nodes that the pools start with; call `sync` whenever a Pod or a node has changed."""

    def __init__(self, store: Store, config: Config):
        self._store = store
        self._config = config
        self._sizes: dict[str, int] = {}
        self._coming: list[tuple[float, NodePool]] = []  # when each node that was asked for is there (monotonic clock)
        self._told: dict[str, str] = {}  # Pod uid -> what the autoscaler said last
        for pool in config.node_pools:
            for _ in range(pool.size):
                self._add(pool)

    def sync(self) -> float | None:
        """Lets nodes arrive and asks for missing ones. Returns in how many seconds the next one arrives."""
        arrived = [pool for at, pool in self._coming if at <= time.monotonic()]
        self._coming = [(at, pool) for at, pool in self._coming if at > time.monotonic()]
        for pool in arrived:
            self._add(pool)
        self._scale_up()
        return min((max(0.0, at - time.monotonic()) for at, _ in self._coming), default=None)

    def _scale_up(self) -> None:
        waiting = [pod for pod in unscheduled(self._store) if condition(pod, "PodScheduled")]
        if not waiting:
            return
        running = self._store.list(PODS, matches=lambda pod: bool(pod["spec"].get("nodeName")))
        nodes = self._store.list(NODES) + [self._node(pool, "coming") for _, pool in self._coming]
        room = [(node, free(node, running)) for node in nodes]
        for pod in waiting:
            if not self._place(pod, room):
                self._grow_for(pod, room)

    @staticmethod
    def _place(pod: Object, room: list[tuple[Object, Resources]]) -> bool:
        """Whether the Pod fits a node that is there or on its way; takes its share of it."""
        left = next((left for node, left in room if not obstacles(pod, node, left)), None)
        if left is not None:
            take(left, pod)
        return left is not None

    def _grow_for(self, pod: Object, room: list[tuple[Object, Resources]]) -> None:
        reasons: list[str] = []
        for pool in self._config.node_pools:
            if pool.max_size == pool.size:
                continue
            node = self._node(pool, "new")
            expected = self._sizes.get(pool.name, 0) + sum(other is pool for _, other in self._coming)
            why = obstacles(pod, node, free(node, [])) or ([FULL] if expected == pool.max_size else [])
            reasons += why
            if not why:
                self._coming.append((time.monotonic() + pool.scale_up_seconds, pool))
                room.append((node, free(node, [])))
                self._place(pod, room)
                change = f"{self._group(pool)} {expected}->{expected + 1} (max: {pool.max_size})"
                self._tell(pod, "TriggeredScaleUp", f"pod triggered scale-up: [{{{change}}}]")
                return
        if reasons:
            self._tell(pod, "NotTriggerScaleUp", f"pod didn't trigger scale-up: {tally(reasons)}")

    def _tell(self, pod: Object, reason: str, message: str) -> None:
        if self._told.get(pod["metadata"]["uid"]) != message:
            self._told[pod["metadata"]["uid"]] = message
            record(self._store, pod, COMPONENT, "Normal", reason, message)

    def _group(self, pool: NodePool) -> str:
        config = self._config
        project = f"https://www.googleapis.com/compute/v1/projects/{config.project}"
        return f"{project}/zones/{config.location}/instanceGroups/gke-{config.name}-{pool.name}-grp"

    def _add(self, pool: NodePool) -> None:
        self._sizes[pool.name] = number = self._sizes.get(pool.name, 0) + 1
        self._store.create(NODES, self._node(pool, f"gke-{self._config.name}-{pool.name}-{number}"))

    def _node(self, pool: NodePool, name: str) -> Object:
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "arm64" if os.uname().machine == "aarch64" else "amd64",
            "cloud.google.com/gke-nodepool": pool.name,
            "node.kubernetes.io/instance-type": "localgke",
            "topology.kubernetes.io/region": self._config.location,
            **({"cloud.google.com/gke-spot": "true", "cloud.google.com/gke-provisioning": "spot"} if pool.spot else {}),
            **pool.labels,
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        }
        resources = {"pods": MAX_PODS, **pool.allocatable}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": pool.taints} if pool.taints else {},
            "status": {
                "capacity": resources,
                "allocatable": resources,
                "conditions": [{**ready, "lastHeartbeatTime": now(), "lastTransitionTime": now()}],
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
                "nodeInfo": {
                    "kubeletVersion": f"v{self._config.version}",
                    "kubeProxyVersion": f"v{self._config.version}",
                    "containerRuntimeVersion": "localgke://1",
                    "operatingSystem": "linux",
                    "architecture": labels["kubernetes.io/arch"],
                    "osImage": "localgke",
                    "kernelVersion": os.uname().release,
                },
            },
        }
