"""Imitates the kubelet for one Pod: pulls images, runs containers, restarts them, reports the status.

The API refuses what is not imitated: init containers, probes, lifecycle hooks, ephemeral containers, a Pod's
activeDeadlineSeconds. Every node has the images of cluster.yaml; other images do not exist.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from localgke import deletion, dns
from localgke.config import Config
from localgke.containers import CreateError, fill_volumes, make_spec
from localgke.objects import PODS, TERMINAL, record
from localgke.podstatus import ContainerStatus, termination_message, write_status
from localgke.runtime import Process, StartError, start
from localgke.store import Object, Store

T = TypeVar("T")
MAX_BACKOFF_SECONDS = 300.0
RUNC_FAILED = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: "
)


class PodWorker:
    """Runs one Pod of the store that has a node.

    `directory`: for its volumes and logs, <container>.<restart>.log; `buckets`: the directory of the buckets.
    """

    def __init__(self, store: Store, config: Config, directory: Path, buckets: Path, pod: Object):
        self._store = store
        self._config = config
        self._pod = pod
        self.directory = directory
        self._buckets = buckets
        self._stopping = asyncio.Event()
        self._kill_at = float("inf")
        self._has_volumes = False
        self._processes: dict[str, Process] = {}
        self._containers = [ContainerStatus(item) for item in pod["spec"]["containers"]]
        (directory / "volumes").mkdir(parents=True)
        self.write_hosts(dns.records(store))
        self.task = asyncio.create_task(self._run())

    def update(self, pod: Object) -> None:
        """Takes changed images for the containers that wait for one."""
        for status, container in zip(self._containers, pod["spec"]["containers"], strict=True):
            status.spec["image"] = container["image"]

    def stop(self, grace: float) -> None:
        """Sends SIGTERM to the containers, and SIGKILL after `grace` seconds. A later call can only shorten it."""
        loop = asyncio.get_running_loop()
        if not self._stopping.is_set():
            self._stopping.set()
            for name, process in self._processes.items():
                process.signal(signal.SIGTERM)
                self._record("Normal", "Killing", f"Stopping container {name}", name)
        if loop.time() + grace < self._kill_at:
            self._kill_at = loop.time() + grace
            loop.call_at(self._kill_at, self._kill)

    def write_hosts(self, records: list[dns.Record]) -> None:
        """Updates /etc/hosts of the containers."""
        (self.directory / "hosts").write_text(dns.hosts(self._pod, records))

    def _kill(self) -> None:
        for process in self._processes.values():
            process.signal(signal.SIGKILL)

    async def _run(self) -> None:
        """Runs until all containers have finally ended, or the Pod is stopped."""
        self._report()
        await self._retry(
            lambda: fill_volumes(self._store, self._pod, self.directory / "volumes", self._buckets),
            lambda error: self._record("Warning", "FailedMount", f"MountVolume.SetUp failed for volume {error}"),
        )
        if not self._stopping.is_set():
            self._has_volumes = True
            self._report()
        await asyncio.gather(*map(self._run_container, self._containers))
        for status in self._containers:
            status.give_up()
        self._report("Succeeded" if all(status.exit_code == 0 for status in self._containers) else "Failed")

    async def _run_container(self, status: ContainerStatus) -> None:
        """Starts and restarts a container as the Pod's restartPolicy says."""
        policy = self._pod["spec"]["restartPolicy"]
        await self._pull(status)
        while not self._stopping.is_set():
            await self._run_once(status)
            if policy == "Never" or (policy == "OnFailure" and status.exit_code == 0) or self._stopping.is_set():
                return
            if status.restarts:  # the first restart has no delay
                await self._back_off(status)
            status.restarts += not self._stopping.is_set()

    async def _back_off(self, status: ContainerStatus) -> None:
        first = self._config.settings.restart_backoff_seconds
        delay = min(first * 2.0 ** min(status.restarts - 1, 64), MAX_BACKOFF_SECONDS)
        meta = self._pod["metadata"]
        pod = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        message = f"Back-off restarting failed container {status.name} in pod {pod}"
        self._record("Warning", "BackOff", message, status.name)
        waiting = f"back-off {delay:g}s restarting failed container={status.name} pod={pod}"
        self._wait(status, "CrashLoopBackOff", waiting)
        await self._sleep(delay)

    async def _pull(self, status: ContainerStatus) -> None:
        """Returns when the image is pulled or the Pod is stopped."""
        policy, seconds = status.spec.get("imagePullPolicy"), self._config.settings.image_pull_backoff_seconds
        while not self._stopping.is_set():
            name = status.spec["image"]
            if name in self._config.images and policy != "Always":
                present = f'Container image "{name}" already present on machine and can be accessed by the pod'
                self._record("Normal", "Pulled", present, status.name)
                return
            if policy == "Never":
                message = f'Container image "{name}" is not present with pull policy of Never'
                self._record("Warning", "ErrImageNeverPull", message, status.name)
                self._fail(status, "ErrImageNeverPull", message, "ErrImageNeverPull")
                await self._sleep(seconds)
                continue
            self._record("Normal", "Pulling", f'Pulling image "{name}"', status.name)
            if name in self._config.images:
                took = f'Successfully pulled image "{name}" in 0s (0s including waiting). Image size: 0 bytes.'
                self._record("Normal", "Pulled", took, status.name)
                return
            error = self._pull_error(name)
            self._record("Warning", "Failed", f'Failed to pull image "{name}": {error}', status.name)
            self._fail(status, "ErrImagePull", error, "ErrImagePull")
            await self._sleep(seconds)
            back_off = f'Back-off pulling image "{name}"'
            self._record("Normal", "BackOff", back_off, status.name)
            self._fail(status, "ImagePullBackOff", f"{back_off}: ErrImagePull: {error}", "ImagePullBackOff")
            await self._sleep(seconds)

    def _pull_error(self, image: str) -> str:
        """Returns containerd's error for an image that cannot be pulled."""
        broken = self._config.broken_images.get(image)
        code, why = ("Unknown", broken) if broken else ("NotFound", f"{image}: not found")
        pull = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}"'
        return f"rpc error: code = {code} desc = {pull}: {why}"

    async def _run_once(self, status: ContainerStatus) -> None:
        """Runs a container from its creation to its exit."""
        run = f"{status.name}.{status.restarts}"
        termination_log, log = self.directory / f"{run}.termination-log", self.directory / f"{run}.log"
        termination_log.touch()
        termination_log.chmod(0o666)
        image = self._config.images[status.spec["image"]]
        spec = await self._retry(
            lambda: make_spec(self._store, self._pod, status.spec, image, self.directory, termination_log),
            lambda error: self._fail(status, str(error), str(error), "CreateContainerConfigError"),
        )
        if spec is None:
            return
        try:
            process = await start(spec, log)
        except StartError as error:
            message = f"{RUNC_FAILED}{error}"
            status.end(128, message, "StartError")
            self._record("Normal", "Created", "Container created", status.name)
            self._record("Warning", "Failed", f"Error: {message}", status.name)
            return
        self._processes[status.name] = process
        self._record("Normal", "Created", "Container created", status.name)
        self._record("Normal", "Started", "Container started", status.name)
        status.run()
        self._report()
        if self._stopping.is_set():  # while it started
            process.signal(signal.SIGTERM)
            if self._kill_at <= asyncio.get_running_loop().time():
                process.signal(signal.SIGKILL)
        code = await process.wait()
        del self._processes[status.name]
        policy = status.spec["terminationMessagePolicy"]
        message = termination_message(termination_log, policy, code != 0, log)
        status.end(code, message, "OOMKilled" if process.is_out_of_memory else "")
        if any(other.exit_code is None for other in self._containers):
            self._report()

    async def _retry(self, attempt: Callable[[], T], failed: Callable[[CreateError], None]) -> T | None:
        """Retries `attempt` until it succeeds; returns its result, None if the Pod is stopped before."""
        while not self._stopping.is_set():
            try:
                return attempt()
            except CreateError as error:
                failed(error)
            await self._sleep(self._config.settings.restart_backoff_seconds)
        return None

    async def _sleep(self, seconds: float) -> None:
        """Sleeps, but not after the Pod is stopped."""
        stopped = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({stopped}, timeout=seconds)
        stopped.cancel()

    def _fail(self, status: ContainerStatus, error: str, message: str, reason: str) -> None:
        """Sets the container to waiting with `reason`, and records an event with the error."""
        self._record("Warning", "Failed", f"Error: {error}", status.name)
        self._wait(status, reason, message)

    def _wait(self, status: ContainerStatus, reason: str, message: str) -> None:
        status.wait(reason, message)
        self._report()

    def _record(self, kind: str, reason: str, message: str, container: str = "") -> None:
        record(self._store, self._pod, "kubelet", kind, reason, message, container)

    def _report(self, phase: str = "") -> None:
        """Writes the Pod's status. `phase`: Succeeded or Failed, at the end."""
        if not phase:
            phase = "Running" if any(status.started for status in self._containers) else "Pending"
        meta = self._pod["metadata"]
        pod = self._store.find(PODS, meta["namespace"], meta["name"])
        if pod and pod["metadata"]["uid"] == meta["uid"]:
            write_status(pod, phase, self._containers, has_volumes=self._has_volumes)
            if phase in TERMINAL and "deletionTimestamp" in pod["metadata"]:
                deletion.has_ended(pod["metadata"])
            self._store.update(PODS, pod)
