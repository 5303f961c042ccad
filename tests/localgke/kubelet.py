"""Imitates the kubelets of all nodes: each Pod that has a node runs here, as processes of this machine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from localgke.config import Config
from localgke.objects import PODS, reconcile
from localgke.podworker import PodWorker
from localgke.runtime import check
from localgke.store import Object, Store


class Kubelet:
    """`run` it; no container outlives that call. Logs lie in `state`/logs/<pod uid>/<container>.<restart>.log."""

    def __init__(self, store: Store, config: Config, state: Path):
        self._store = store
        self._config = config
        self._state = state
        self._wake = asyncio.Event()
        self._workers: dict[str, tuple[PodWorker, asyncio.Task[None]]] = {}
        self._pulled: dict[str, set[str]] = {}  # node -> images

    async def run(self) -> None:
        """Until cancelled. Raises SandboxError where containers cannot be made."""
        await check(self._state)
        try:
            await reconcile(self._store, (PODS,), self._sync, self._wake)
        finally:
            tasks = [task for _, task in self._workers.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _sync(self) -> None:
        pods = {pod["metadata"]["uid"]: pod for pod in self._store.list(PODS) if pod["spec"].get("nodeName")}
        for uid, pod in pods.items():
            worker, task = self._workers.get(uid) or self._start(pod)
            if task.done():
                task.result()
            if "deletionTimestamp" in pod["metadata"]:
                if task.done():
                    self._let_go(pod)
                else:
                    worker.stop(pod["metadata"]["deletionGracePeriodSeconds"])
        for uid in [uid for uid in self._workers if uid not in pods]:
            worker, task = self._workers[uid]
            worker.stop(0)
            if task.done():
                task.result()
                del self._workers[uid]
                for directory in (worker.directory, worker.logs):
                    shutil.rmtree(directory, ignore_errors=True)

    def _start(self, pod: Object) -> tuple[PodWorker, asyncio.Task[None]]:
        pulled = self._pulled.setdefault(pod["spec"]["nodeName"], set())
        worker = PodWorker(self._store, self._config, self._state, pod, pulled)
        task = asyncio.create_task(worker.run())
        task.add_done_callback(lambda _: self._wake.set())
        self._workers[pod["metadata"]["uid"]] = worker, task
        return worker, task

    def _let_go(self, pod: Object) -> None:
        """Nothing of the Pod runs any more, so only finalizers can keep it."""
        if pod["metadata"]["deletionGracePeriodSeconds"]:
            pod["metadata"]["deletionGracePeriodSeconds"] = 0
            self._store.update(PODS, pod)
