"""Node pools on the real Kubernetes: carries out the decisions of the autoscaler, and shuts down preempted nodes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import datetime, timezone

import aiohttp

from k8s import kubelet
from k8s.api import Api, Copy, Object
from k8s.components import NODE_ADDRESS
from localgke.autoscaler import Autoscaler
from localgke.config import Config
from localgke.disruption import SHUTDOWN_MESSAGE, SHUTDOWN_TAINT
from localgke.objects import TERMINAL

NODES = "/api/v1/nodes"
FAKE = "kwok.x-k8s.io/node"  # the annotation of the nodes that KWOK plays
PODS_OF_A_NODE = "110"
PAUSE_SECONDS = 0.1  # between two steps, so that one step handles many changes
SHUTDOWN_SECONDS = 1.0  # from the end of a node's Pods to the removal of the node
UNREADY = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "node is shutting down"}
# The status of the Pods of a node that shuts down; KWOK then stops them.
TERMINATED: Object = {"reason": "Terminated", "message": SHUTDOWN_MESSAGE}
DISRUPTED: Object = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "TerminationByKubelet",
    "message": SHUTDOWN_MESSAGE,
}


class Pools:
    """The node pools of `config`. `pods` are those of the cluster."""

    def __init__(self, api: Api, config: Config):
        self._api = api
        self._changed = asyncio.Event()
        self.pods = Copy(api, "/api/v1/pods", self._changed.set)
        self._nodes = Copy(api, NODES, self._changed.set)
        self._autoscaler = Autoscaler(config)
        self._wake: float | None = None
        self._ending: dict[str, asyncio.Task[None]] = {}  # by the name of the node

    async def run(self, ready: asyncio.Event) -> None:
        """Runs until cancelled; sets `ready` when the first nodes exist."""
        copies = [asyncio.create_task(copy.run()) for copy in (self.pods, self._nodes)]
        try:
            for copy in (self.pods, self._nodes):
                await copy.is_complete.wait()
            for node in self._autoscaler.initial_nodes():
                await self._add(node)
            ready.set()
            while True:
                self._changed.clear()
                await self._step()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), self._wake)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            for task in (*copies, *self._ending.values()):
                task.cancel()

    async def _step(self) -> None:
        pods, nodes = list(self.pods.objects.values()), list(self._nodes.objects.values())
        step = self._autoscaler.step(pods, nodes, time.monotonic())
        self._wake = step.wake
        for node in step.add:
            await self._add(node)
        for node in step.remove:
            await self._remove(node["metadata"]["name"])
        for pod, kind, reason, message in step.events:
            await self._record_event(pod, kind, reason, message)
        for name, node in self._own():
            keys = {taint["key"] for taint in node["spec"].get("taints", [])}
            if name not in self._ending and SHUTDOWN_TAINT in keys:
                self._ending[name] = asyncio.create_task(self._shut_down(name))

    async def remove_all(self) -> None:
        """Removes the nodes that were added, and their Pods."""
        for name, _ in list(self._own()):
            for path, _ in self._pods_of(name):
                await self._try("DELETE", f"{path}?gracePeriodSeconds=0")
            await self._remove(name)

    def _own(self) -> Iterator[tuple[str, Object]]:
        for (_, name), node in self._nodes.objects.items():
            if FAKE in node["metadata"].get("annotations", {}):
                yield name, node

    def _pods_of(self, node: str) -> list[tuple[str, Object]]:
        """Returns the Pods of a node, each with its path."""
        pods = [(key, pod) for key, pod in self.pods.objects.items() if pod["spec"].get("nodeName") == node]
        return [(f"/api/v1/namespaces/{namespace}/pods/{name}", pod) for (namespace, name), pod in pods]

    async def _add(self, node: Object) -> None:
        node["metadata"]["annotations"] = {FAKE: "fake"}
        status = node["status"]
        resources = {**status["allocatable"], "pods": PODS_OF_A_NODE}
        address = {"type": "InternalIP", "address": NODE_ADDRESS}
        node["status"] = {
            **status,
            "capacity": resources,
            "allocatable": resources,
            "addresses": [address],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.PORT}},
        }
        if made := await self._try("POST", NODES, node):
            self._nodes.objects["", node["metadata"]["name"]] = made  # the watch reports it later

    async def _remove(self, name: str) -> None:
        await self._try("DELETE", f"{NODES}/{name}")
        self._nodes.objects.pop(("", name), None)

    async def _record_event(self, pod: Object, kind: str, reason: str, message: str) -> None:
        meta = pod["metadata"]
        about = {key: meta[key] for key in ("namespace", "name", "uid", "resourceVersion")}
        event = {
            "metadata": {"name": f"{meta['name']}.{time.time_ns():x}", "namespace": meta["namespace"]},
            "involvedObject": {"kind": "Pod", "apiVersion": "v1", **about},
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": "cluster-autoscaler"},
            "reportingComponent": "cluster-autoscaler",
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "count": 1,
        }
        await self._try("POST", f"/api/v1/namespaces/{meta['namespace']}/events", event)

    async def _shut_down(self, name: str) -> None:
        """Ends the Pods as a kubelet does when its machine is preempted, then removes the node as GKE does."""
        await self._patch_status(f"{NODES}/{name}", {"conditions": [UNREADY | {"lastTransitionTime": _now()}]})
        for path, pod in self._pods_of(name):
            if pod["status"]["phase"] not in TERMINAL:
                await self._patch_status(
                    path, TERMINATED | {"conditions": [DISRUPTED | {"lastTransitionTime": _now()}]}
                )
        await asyncio.sleep(SHUTDOWN_SECONDS)
        await self._remove(name)
        del self._ending[name]

    async def _patch_status(self, path: str, status: Object) -> None:
        await self._try("PATCH", f"{path}/status", {"status": status}, "strategic-merge-patch+json")

    async def _try(self, method: str, path: str, body: Object | None = None, kind: str = "json") -> Object | None:
        """Returns the answer to a request, None if the object is deleted or the API server does not answer."""
        try:
            return await self._api.request(method, path, body, kind)
        except aiohttp.ClientError as error:
            print(error, flush=True)
            return None


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
