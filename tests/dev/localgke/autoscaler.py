"""Imitates GKE's cluster autoscaler: which nodes are added and removed for pending Pods, and the events about that.

It only decides; the callers read and change the cluster: `nodepools` for the stand-in, k8s/autoscaling.py for the real
Kubernetes. Like the stand-in's scheduler, it ignores affinity.
"""

from __future__ import annotations

import copy
import math
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from localgke.config import Config, NodePool
from localgke.objects import condition, is_active
from localgke.scheduler import obstacles, tally, unscheduled
from localgke.store import Object, now

POOL = "cloud.google.com/gke-nodepool"
FULL = "max node group size reached"
BACKOFF = "in backoff after failed scale-up"
BACKOFF_SECONDS = 5.0  # after a stock-out; GKE: 5 min, and longer each time
# For the scheduler, once the node exists. Then the Pod is considered again: another Pod may have taken its place.
SCHEDULING_SECONDS = 5.0
STOCKOUT = (
    "Node scale up in zones {zone} associated with this pod failed: GCE out of resources. Pod is at risk of not being "
    "scheduled."
)
UNREADY = "node.kubernetes.io/not-ready"  # the taint of a new node


@dataclass
class Step:
    """The decisions of a step. `wake`: seconds until the next step, if nothing changes before."""

    add: list[Object] = field(default_factory=list)
    remove: list[Object] = field(default_factory=list)
    events: list[tuple[Object, str, str, str]] = field(default_factory=list)  # Pod, type, reason, message
    wake: float | None = None


@dataclass
class _Coming:
    """A requested node. `at`: when it will exist; `pods`: the Pods that it is for."""

    pool: NodePool
    node: Object
    at: float
    pods: list[Object]


class Autoscaler:
    """The autoscaler of the node pools of `config`. All times are those of one clock, in seconds."""

    def __init__(self, config: Config):
        self._config = config
        self._pools = {pool.name: pool for pool in config.node_pools}
        self._coming: list[_Coming] = []
        self._helped: dict[str, float] = {}  # uid of a Pod -> until when it is skipped
        self._backoff: dict[str, float] = {}  # name of a pool -> until when it is skipped
        self._empty: dict[str, float] = {}  # name of a node -> since when no Pod runs there
        self._recorded: set[tuple[str, str]] = set()  # uid of a Pod and reason of its events
        # Names of nodes are unique.
        self._numbers = Counter({pool.name: pool.size for pool in config.node_pools})

    def initial_nodes(self) -> list[Object]:
        """Returns the nodes with which the pools start."""
        pools = self._config.node_pools
        return [make_node(self._config, pool, number + 1) for pool in pools for number in range(pool.size)]

    def step(self, pods: Sequence[Object], nodes: Sequence[Object], clock: float) -> Step:
        """Returns the decisions for now. Call it whenever a Pod or a node has changed."""
        step = Step()
        self._arrive(step, clock)
        there = [*nodes, *step.add]
        self._grow(step, pods, there, clock)
        self._shrink(step, pods, nodes, clock)
        times = [coming.at for coming in self._coming]
        times += [since + self._pools[_pool(node)].scale_down_seconds for node, since in self._idle(nodes)]
        times += [*self._helped.values(), *self._backoff.values()]
        first = min((time for time in times if time > clock), default=math.inf)
        step.wake = None if first == math.inf else first - clock
        return step

    def _arrive(self, step: Step, clock: float) -> None:
        for coming in [coming for coming in self._coming if coming.at <= clock]:
            self._coming.remove(coming)
            if not coming.pool.out_of_resources:
                step.add.append(coming.node)
                continue
            self._backoff[coming.pool.name] = clock + BACKOFF_SECONDS
            for pod in coming.pods:
                self._helped.pop(pod["metadata"]["uid"], None)
                message = STOCKOUT.format(zone=f"{self._config.location}-a")
                step.events.append((pod, "Warning", "FailedScaleUp", message))

    def _grow(self, step: Step, pods: Sequence[Object], nodes: Sequence[Object], clock: float) -> None:
        self._helped = {uid: until for uid, until in self._helped.items() if until > clock}
        if all(pool.max_size == pool.size for pool in self._pools.values()):
            return
        there: dict[str, list[Object]] = defaultdict(list)
        for pod in pods:
            there[pod["spec"].get("nodeName", "")].append(pod)
        for pod in unscheduled(pods):
            waits = condition(pod, "PodScheduled")
            if waits is None or waits["status"] != "False" or pod["metadata"]["uid"] in self._helped:
                continue
            if pod["status"].get("nominatedNodeName"):  # the scheduler is preempting other Pods for it
                continue
            if all(obstacles(pod, _settled(node), there[node["metadata"]["name"]]) for node in nodes):
                self._help(step, pod, nodes, clock)

    def _help(self, step: Step, pod: Object, nodes: Sequence[Object], clock: float) -> None:
        """Assigns a Pod to a requested node, or requests a node of the first pool in which the Pod fits."""
        coming = next((coming for coming in self._coming if not obstacles(pod, coming.node, coming.pods)), None)
        reasons: list[str] = []
        sizes = Counter(_pool(node) for node in nodes) + Counter(coming.pool.name for coming in self._coming)
        growing = [pool for pool in self._pools.values() if pool.max_size > pool.size]
        for pool in growing if coming is None else ():
            node = make_node(self._config, pool, self._numbers[pool.name] + 1)
            is_in_backoff, is_full = self._backoff.get(pool.name, clock) > clock, sizes[pool.name] >= pool.max_size
            why = obstacles(pod, node) or ([BACKOFF] if is_in_backoff else [FULL] if is_full else [])
            if not why:
                self._numbers[pool.name] += 1
                sizes[pool.name] += 1
                coming = _Coming(pool, node, clock + pool.scale_up_seconds, [])
                self._coming.append(coming)
                break
            reasons += why
        if coming:
            self._helped[pod["metadata"]["uid"]] = coming.at + SCHEDULING_SECONDS
            placed = copy.deepcopy(pod)
            placed["spec"]["nodeName"] = coming.node["metadata"]["name"]
            coming.pods.append(placed)
            size, most = sizes[coming.pool.name], coming.pool.max_size
            change = f"{coming.pool.name} {size - 1}->{size} (max: {most})"
            self._record_event(step, pod, "TriggeredScaleUp", f"pod triggered scale-up: [{{{change}}}]")
        elif reasons:
            self._record_event(step, pod, "NotTriggerScaleUp", f"pod didn't trigger scale-up: {tally(reasons)}")

    def _shrink(self, step: Step, pods: Sequence[Object], nodes: Sequence[Object], clock: float) -> None:
        """Removes the nodes on which no Pod has run for long enough, down to the size of their pool."""
        used = {pod["spec"].get("nodeName") for pod in pods if is_active(pod) or pod["status"]["phase"] == "Running"}
        self._empty = {
            name: self._empty.get(name, clock) for node in nodes if (name := node["metadata"]["name"]) not in used
        }
        sizes = Counter(_pool(node) for node in nodes)
        for node, since in self._idle(nodes):
            pool = self._pools[_pool(node)]
            if clock - since >= pool.scale_down_seconds and sizes[pool.name] > pool.size:
                sizes[pool.name] -= 1
                step.remove.append(node)

    def _idle(self, nodes: Sequence[Object]) -> list[tuple[Object, float]]:
        """Returns the empty nodes of the pools, and since when each is empty."""
        empty = [(node, self._empty.get(node["metadata"]["name"])) for node in nodes if _pool(node) in self._pools]
        return [(node, since) for node, since in empty if since is not None]

    def _record_event(self, step: Step, pod: Object, reason: str, message: str) -> None:
        said = pod["metadata"]["uid"], message
        if said not in self._recorded:
            self._recorded.add(said)
            step.events.append((pod, "Normal", reason, message))


def _pool(node: Object) -> str:
    return str(node["metadata"].get("labels", {}).get(POOL, ""))


def _settled(node: Object) -> Object:
    """Returns a node in its state once it is Ready."""
    taints = [taint for taint in node["spec"].get("taints", []) if taint["key"] != UNREADY]
    return {**node, "spec": {**node["spec"], "taints": taints}}


def make_node(config: Config, pool: NodePool, number: int) -> Object:
    """Returns a Ready node of a pool. Its capacity equals its allocatable: nothing is reserved for the system."""
    name = f"gke-{config.name}-{pool.name}-{number}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "arm64" if os.uname().machine == "aarch64" else "amd64",
        POOL: pool.name,
        "topology.kubernetes.io/region": config.location,
        **({"cloud.google.com/gke-spot": "true", "cloud.google.com/gke-provisioning": "spot"} if pool.spot else {}),
        **pool.labels,
    }
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": pool.taints} if pool.taints else {},
        "status": {
            "capacity": pool.allocatable,
            "allocatable": pool.allocatable,
            "conditions": [{**ready, "lastHeartbeatTime": now(), "lastTransitionTime": now()}],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "nodeInfo": {"kubeletVersion": f"v{config.version}"},
        },
    }
