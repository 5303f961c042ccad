"""Imitates what the kubelet does for one Pod: pulls images, runs containers, restarts them, reports the status.

Not imitated, so refused by the API: probes, lifecycle hooks, native sidecars, ephemeral containers, a Pod's own
activeDeadlineSeconds.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from localgke.config import Config, Image
from localgke.containers import CreateError, MountError, describe, fill_volumes, make_spec
from localgke.objects import PODS, record, together
from localgke.podstatus import ContainerStatus, write_status
from localgke.runtime import Process, StartError, start
from localgke.store import Object, Store

COMPONENT = "kubelet"
MAX_BACKOFF_SECONDS = 300.0


class PodWorker:
    """Runs one Pod of the store that has a node. `pulled` holds the images that its node has, and gains more."""

    def __init__(self, store: Store, config: Config, state: Path, pod: Object, pulled: set[str]):
        self._store = store
        self._config = config
        self._pod = pod
        self._pulled = pulled
        self.directory = state / "pods" / pod["metadata"]["uid"]
        self.logs = state / "logs" / pod["metadata"]["uid"]
        self._stopping = asyncio.Event()
        self._kill_at = float("inf")
        self._processes: dict[str, Process] = {}
        spec = pod["spec"]
        self._init = {item["name"]: ContainerStatus(item) for item in spec.get("initContainers", [])}
        waiting = "PodInitializing" if self._init else "ContainerCreating"
        self._main = {item["name"]: ContainerStatus(item, waiting) for item in spec["containers"]}

    async def run(self) -> None:
        """Until all containers have ended for good, or the Pod was stopped."""
        for path in (self.directory, self.logs):
            path.mkdir(parents=True)
        self._report()
        await self._fill_volumes()
        for status in self._init.values():
            await self._run_container(status, initial=True)
            if status.exit_code != 0:
                self._report("Failed")
                return
        for status in self._main.values():
            status.wait("ContainerCreating")
        self._report()
        await together(*(self._run_container(status) for status in self._main.values()))
        self._report("Succeeded" if all(status.exit_code == 0 for status in self._main.values()) else "Failed")

    def stop(self, grace: float) -> None:
        """Asks the containers to end, and kills them after `grace` seconds. A second call can only shorten the time."""
        loop = asyncio.get_running_loop()
        if not self._stopping.is_set():
            self._stopping.set()
            for name, process in self._processes.items():
                process.signal(signal.SIGTERM)
                self._record("Normal", "Killing", f"Stopping container {name}", name)
        if loop.time() + grace < self._kill_at:
            self._kill_at = loop.time() + grace
            loop.call_at(self._kill_at, self._kill)

    def _kill(self) -> None:
        for process in self._processes.values():
            process.signal(signal.SIGKILL)

    async def _fill_volumes(self) -> None:
        """Waits, as a Pod does, for the ConfigMaps and Secrets that its volumes need."""
        while not self._stopping.is_set():
            try:
                return fill_volumes(self._store, self._pod, self.directory / "volumes")
            except MountError as error:
                self._record("Warning", "FailedMount", str(error))
            await self._sleep(self._config.settings.restart_backoff_seconds)
        return None

    async def _run_container(self, status: ContainerStatus, initial: bool = False) -> None:
        """Starts and restarts a container as the Pod's restartPolicy says."""
        policy = self._pod["spec"].get("restartPolicy", "Always")
        again = {"Never": False, "OnFailure": True, "Always": True}[policy]
        image = await self._pull(status)
        while image and not self._stopping.is_set():
            await self._run_once(status, image)
            if self._stopping.is_set() or not again or (status.exit_code == 0 and (initial or policy == "OnFailure")):
                return
            self._report()
            if status.restarts:
                await self._back_off(status)
            status.restarts += 1

    async def _back_off(self, status: ContainerStatus) -> None:
        first = self._config.settings.restart_backoff_seconds
        seconds = min(first * 2 ** (status.restarts - 1), MAX_BACKOFF_SECONDS)
        failed = f"restarting failed container={status.name} pod={describe(self._pod)}"
        status.wait("CrashLoopBackOff", f"back-off {seconds:g}s {failed}")
        message = f"Back-off restarting failed container {status.name} in pod {describe(self._pod)}"
        self._record("Warning", "BackOff", message, status.name)
        self._report()
        await self._sleep(seconds)

    async def _pull(self, status: ContainerStatus) -> Image | None:
        """The container's image once it is there; None when the Pod is stopped before."""
        name, delay = status.spec["image"], self._config.settings.image_pull_backoff_seconds
        while not self._stopping.is_set():
            if name in self._pulled and status.spec.get("imagePullPolicy") != "Always":
                self._record("Normal", "Pulled", f'Container image "{name}" already present on machine', status.name)
                return self._config.images[name]
            if status.spec.get("imagePullPolicy") == "Never":
                error = f'Container image "{name}" is not present with pull policy of Never'
                self._fail(status, "ErrImageNeverPull", error, f"Error: {error}")
                await self._sleep(delay)
                continue
            self._record("Normal", "Pulling", f'Pulling image "{name}"', status.name)
            if name in self._config.images:
                self._pulled.add(name)
                self._record("Normal", "Pulled", f'Successfully pulled image "{name}"', status.name)
                return self._config.images[name]
            reason = self._config.broken_images.get(name, f"{name}: not found")
            error = f'failed to pull and unpack image "{name}": {reason}'
            code = "Unknown" if name in self._config.broken_images else "NotFound"
            error = f"rpc error: code = {code} desc = {error}"
            self._fail(status, "ErrImagePull", error, f'Failed to pull image "{name}": {error}', "Error: ErrImagePull")
            await self._sleep(delay / 2)
            self._record("Normal", "BackOff", f'Back-off pulling image "{name}"', status.name)
            why = f'Back-off pulling image "{name}": ErrImagePull: {error}'
            self._fail(status, "ImagePullBackOff", why, "Error: ImagePullBackOff")
            await self._sleep(delay / 2)
            delay = min(delay * 2, MAX_BACKOFF_SECONDS)
        return None

    async def _run_once(self, status: ContainerStatus, image: Image) -> None:
        """One life of a container, from its creation to its exit code."""
        termination_log = self.directory / f"{status.name}.{status.restarts}.termination-log"
        volumes, log = self.directory / "volumes", self.logs / f"{status.name}.{status.restarts}.log"
        while True:
            try:
                spec = make_spec(self._store, self._pod, status.spec, image, volumes, termination_log)
                break
            except CreateError as error:
                self._fail(status, error.reason, str(error), f"Error: {error}")
            await self._sleep(self._config.settings.restart_backoff_seconds)
            if self._stopping.is_set():
                return
        termination_log.touch()
        termination_log.chmod(0o666)
        try:
            process = await start(spec, log)
        except StartError as error:
            message = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc"
            message += f" create failed: unable to start container process: {error}"
            status.end_unstarted(message)
            self._record("Warning", "Failed", f"Error: {message}", status.name)
            return
        self._processes[status.name] = process
        try:
            self._record("Normal", "Created", f"Created container: {status.name}", status.name)
            self._record("Normal", "Started", f"Started container {status.name}", status.name)
            status.run()
            self._report()
            if self._stopping.is_set():  # while it started
                process.signal(signal.SIGTERM)
            status.end(await process.wait(), termination_log, log)
        finally:
            del self._processes[status.name]

    def _fail(self, status: ContainerStatus, reason: str, message: str, *events: str) -> None:
        """The container waits for `reason`, and `events` say so."""
        for text in events:
            self._record("Warning", "Failed", text, status.name)
        status.wait(reason, message)
        self._report()

    async def _sleep(self, seconds: float) -> None:
        """Returns early when the Pod is to stop."""
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({stopped}, timeout=seconds)
        finally:
            stopped.cancel()

    def _record(self, kind: str, reason: str, message: str, container: str = "") -> None:
        group = "initContainers" if container in self._init else "containers"
        part = f"spec.{group}{{{container}}}" if container else ""
        node = self._pod["spec"]["nodeName"]
        record(self._store, self._pod, COMPONENT, kind, reason, message, host=node, part=part)

    def _report(self, phase: str = "") -> None:
        """Writes the Pod's status. `phase`: Succeeded or Failed, at the end."""
        if not phase:
            phase = "Running" if any(status.started for status in self._main.values()) else "Pending"
        meta = self._pod["metadata"]
        pod = self._store.find(PODS, meta["namespace"], meta["name"])
        if pod and pod["metadata"]["uid"] == meta["uid"]:
            write_status(pod, phase, list(self._init.values()), list(self._main.values()))
            self._store.update(PODS, pod)
