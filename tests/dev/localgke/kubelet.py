"""Imitates the kubelets of all nodes: a Pod with a node runs as processes of this machine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from localgke import dns
from localgke.config import Config
from localgke.disruption import SHUTDOWN_SECONDS, is_shut_down
from localgke.objects import PODS
from localgke.podworker import PodWorker
from localgke.store import Store


class Kubelet:
    """Call `sync` whenever a Pod has changed, and `stop` at the end.

    Logs are in `state`/logs/<pod uid>/<container>.<restart>.log until their Pod is removed.
    """

    def __init__(self, store: Store, config: Config, state: Path):
        self._store = store
        self._config = config
        self._logs = state / "logs"
        self._buckets = state / "buckets"
        for name in config.buckets:
            (self._buckets / name).mkdir(parents=True, exist_ok=True)
            (self._buckets / name).chmod(0o777)
        self._workers: dict[str, PodWorker] = {}
        self._records: list[dns.Record] = []

    @property
    def running(self) -> set[asyncio.Task[None]]:
        """The task of each Pod that has not ended; call `sync` when one is done."""
        return {worker.task for worker in self._workers.values() if not worker.task.done()}

    def sync(self) -> None:
        """Starts, stops and forgets Pods. Raises the error of a Pod's task."""
        pods = {pod["metadata"]["uid"]: pod for pod in self._store.list(PODS) if pod["spec"].get("nodeName")}
        for uid, pod in pods.items():
            if uid not in self._workers:
                self._workers[uid] = PodWorker(self._store, self._config, self._logs / uid, self._buckets, pod)
            self._workers[uid].update(pod)
            if "deletionTimestamp" in pod["metadata"]:
                self._workers[uid].stop(pod["metadata"]["deletionGracePeriodSeconds"])
            elif is_shut_down(pod):
                self._workers[uid].stop(min(pod["spec"]["terminationGracePeriodSeconds"], SHUTDOWN_SECONDS))
        records = dns.records(self._store)
        if records != self._records:
            self._records = records
            for worker in self._workers.values():
                worker.write_hosts(records)
        for uid, worker in list(self._workers.items()):
            if uid not in pods:
                worker.stop(0)
            if worker.task.done():
                worker.task.result()
                if uid not in pods:
                    del self._workers[uid]
                    shutil.rmtree(worker.directory, ignore_errors=True)

    async def stop(self) -> None:
        """Kills every container."""
        for worker in self._workers.values():
            worker.stop(0)
        await asyncio.gather(*self.running, return_exceptions=True)
