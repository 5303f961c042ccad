"""Imitates what the kubelet does for one Pod: pulls images, runs containers, restarts them, reports the status.

Not imitated, so refused by the API: init containers, probes, lifecycle hooks, ephemeral containers, a Pod's own
activeDeadlineSeconds. Every node has the images of cluster.yaml; any other image is on no node and in no registry.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from localgke.config import Config
from localgke.containers import CreateError, fill_volumes, make_spec
from localgke.objects import PODS, TERMINAL, record
from localgke.podstatus import ContainerStatus, termination_message, write_status
from localgke.runtime import Process, StartError, start
from localgke.store import Object, Store

T = TypeVar("T")


class PodWorker:
    """Runs one Pod of the store that has a node. `directory`: for its volumes and logs, <container>.<restart>.log."""

    def __init__(self, store: Store, config: Config, directory: Path, pod: Object):
        self._store = store
        self._config = config
        self._pod = pod
        self.directory = directory
        self._stopping = asyncio.Event()
        self._kill_at = float("inf")
        self._processes: dict[str, Process] = {}
        self._containers = [ContainerStatus(item) for item in pod["spec"]["containers"]]
        self.task = asyncio.create_task(self._run())

    def stop(self, grace: float) -> None:
        """Asks the containers to end, and kills them after `grace` seconds. A second call can only shorten the time."""
        loop = asyncio.get_running_loop()
        if not self._stopping.is_set():
            self._stopping.set()
            for name, process in self._processes.items():
                process.signal(signal.SIGTERM)
                self._record("Normal", "Killing", f"Stopping container {name}")
        if loop.time() + grace < self._kill_at:
            self._kill_at = loop.time() + grace
            loop.call_at(self._kill_at, self._kill)

    def _kill(self) -> None:
        for process in self._processes.values():
            process.signal(signal.SIGKILL)

    async def _run(self) -> None:
        """Until all containers have ended for good, or the Pod was stopped."""
        (self.directory / "volumes").mkdir(parents=True)
        self._report()
        await self._retry(
            lambda: fill_volumes(self._store, self._pod, self.directory / "volumes"),
            lambda error: self._record("Warning", "FailedMount", f"MountVolume.SetUp failed: {error}"),
        )
        await asyncio.gather(*map(self._run_container, self._containers))
        self._report("Succeeded" if all(status.exit_code == 0 for status in self._containers) else "Failed")

    async def _run_container(self, status: ContainerStatus) -> None:
        """Starts and restarts a container as the Pod's restartPolicy says."""
        policy = self._pod["spec"]["restartPolicy"]
        await self._pull(status)
        while not self._stopping.is_set():
            await self._run_once(status)
            if policy == "Never" or (policy == "OnFailure" and status.exit_code == 0) or self._stopping.is_set():
                return
            delay = self._config.settings.restart_backoff_seconds * 2**status.restarts
            message = f"Back-off restarting failed container {status.name} in pod {self._pod['metadata']['name']}"
            self._fail(status, "BackOff", message, "CrashLoopBackOff")
            await self._sleep(delay)
            status.restarts += 1

    async def _pull(self, status: ContainerStatus) -> None:
        """Returns once the image is there, or when the Pod is stopped before."""
        name = status.spec["image"]
        error = f'failed to pull image "{name}": {self._config.broken_images.get(name, f"{name}: not found")}'
        while not self._stopping.is_set():
            if name in self._config.images:
                self._record("Normal", "Pulled", f'Container image "{name}" already present on machine')
                return
            self._record("Normal", "Pulling", f'Pulling image "{name}"')
            self._fail(status, "Failed", error, "ErrImagePull")
            await self._sleep(self._config.settings.image_pull_backoff_seconds)
            self._fail(status, "BackOff", f'Back-off pulling image "{name}": {error}', "ImagePullBackOff")
            await self._sleep(self._config.settings.image_pull_backoff_seconds)

    async def _run_once(self, status: ContainerStatus) -> None:
        """One life of a container, from its creation to its exit code."""
        run = f"{status.name}.{status.restarts}"
        termination_log, log = self.directory / f"{run}.termination-log", self.directory / f"{run}.log"
        termination_log.touch()
        termination_log.chmod(0o666)
        image, volumes = self._config.images[status.spec["image"]], self.directory / "volumes"
        spec = await self._retry(
            lambda: make_spec(self._store, self._pod, status.spec, image, volumes, termination_log),
            lambda error: self._fail(status, "Failed", str(error), "CreateContainerConfigError"),
        )
        if spec is None:
            return
        try:
            process = await start(spec, log)
        except StartError as error:
            message = f"failed to create containerd task: unable to start container process: {error}"
            status.end(128, message, "StartError")
            self._record("Warning", "Failed", f"Error: {message}")
            return
        self._processes[status.name] = process
        self._record("Normal", "Created", f"Created container: {status.name}")
        self._record("Normal", "Started", f"Started container {status.name}")
        status.run()
        self._report()
        if self._stopping.is_set():  # while it started
            process.signal(signal.SIGTERM)
            if self._kill_at <= asyncio.get_running_loop().time():
                process.signal(signal.SIGKILL)
        code = await process.wait()
        del self._processes[status.name]
        policy = status.spec["terminationMessagePolicy"]
        status.end(code, termination_message(termination_log, policy, code != 0, log))

    async def _retry(self, attempt: Callable[[], T], failed: Callable[[CreateError], None]) -> T | None:
        """The result of `attempt` once it does not fail; None when the Pod is stopped before."""
        while not self._stopping.is_set():
            try:
                return attempt()
            except CreateError as error:
                failed(error)
            await self._sleep(self._config.settings.restart_backoff_seconds)
        return None

    async def _sleep(self, seconds: float) -> None:
        """Returns early when the Pod is to stop."""
        stopped = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({stopped}, timeout=seconds)
        stopped.cancel()

    def _fail(self, status: ContainerStatus, event: str, message: str, reason: str) -> None:
        """The container waits for `reason`, and an event says so."""
        self._record("Warning", event, message)
        status.wait(reason, message)
        self._report()

    def _record(self, kind: str, reason: str, message: str) -> None:
        record(self._store, self._pod, "kubelet", kind, reason, message)

    def _report(self, phase: str = "") -> None:
        """Writes the Pod's status. `phase`: Succeeded or Failed, at the end."""
        if not phase:
            phase = "Running" if any(status.started for status in self._containers) else "Pending"
        meta = self._pod["metadata"]
        pod = self._store.find(PODS, meta["namespace"], meta["name"])
        if pod and pod["metadata"]["uid"] == meta["uid"]:
            write_status(pod, phase, self._containers)
            if phase in TERMINAL and "deletionTimestamp" in pod["metadata"]:
                pod["metadata"]["deletionGracePeriodSeconds"] = 0  # nothing of it runs any more
            self._store.update(PODS, pod)
