"""A cluster without its API for the tests of the controllers, which use the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from localgke import controllers
from localgke.config import Config, Image, NodePool, Settings, load
from localgke.objects import JOBS, PODS, delete, is_true
from localgke.store import Object, Store

TERMINATION = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
TIMEOUT_SECONDS = 30  # for a condition; only a failing test waits that long


class Cluster:
    """The actions of a test on a cluster, and its queries. All objects are in the namespace `default`."""

    def __init__(self, state: Path, config: Config):
        self.store = Store()
        self.state = state
        self.config = config

    def create(self, resource: str, kind: str, name: str, **parts: Any) -> Object:
        version = "batch/v1" if resource == JOBS else "v1"
        meta = {"name": name, "namespace": "default", **parts.pop("metadata", {})}
        return self.store.create(resource, {"apiVersion": version, "kind": kind, "metadata": meta, **parts})

    def pod(self, name: str, script: str = "", *, spec: Object | None = None, **container: Any) -> Object:
        """Creates a Pod with one container, which by default runs a shell script."""
        return self.create(PODS, "Pod", name, spec=pod_spec(script, container, spec), status={"phase": "Pending"})

    def job(self, name: str, script: str, *, pod: Object | None = None, **spec: Any) -> Object:
        """Creates a Job, by default with one completion."""
        template = {"spec": pod_spec(script, {}, pod)}
        spec = {"parallelism": 1, "completions": 1, "template": template, **spec}
        return self.create(JOBS, "Job", name, spec=spec, status={})

    def pods(self, job: str) -> list[Object]:
        return self.store.list(PODS, "default", lambda pod: pod["metadata"]["name"].startswith(f"{job}-"))

    def change(self, resource: str, name: str, change: Callable[[Object], Any]) -> None:
        obj = self.store.get(resource, "default", name)
        change(obj)
        self.store.update(resource, obj)

    def delete(self, resource: str, name: str, **options: Any) -> None:
        delete(self.store, self.store.get(resource, "default", name), **options)

    def events(self, name: str) -> list[tuple[str, str]]:
        """Returns reason and message of every event about an object."""
        found = self.store.list("events", matches=lambda event: event["involvedObject"]["name"] == name)
        return [(event["reason"], event["message"]) for event in found]

    async def until(self, holds: Callable[[], Any]) -> Any:
        """Returns the first true result of `holds`, which is called after every change."""
        version = self.store.version

        async def poll() -> Any:
            changes = self.store.watch(version)
            while not (result := holds()):
                await changes.__anext__()
            return result

        return await asyncio.wait_for(poll(), TIMEOUT_SECONDS)

    async def condition(self, job: str, kind: str) -> Object:
        """Waits until a Job has a condition; returns its status."""
        found = await self.until(lambda: (obj := self.store.get(JOBS, "default", job)) and is_true(obj, kind) and obj)
        return cast(Object, found["status"])

    async def phase(self, pod: str, *phases: str) -> Object:
        """Waits until a Pod is in one of the phases; returns its status."""
        found = await self.until(
            lambda: (obj := self.store.get(PODS, "default", pod)) and obj["status"]["phase"] in phases and obj
        )
        return cast(Object, found["status"])

    async def waiting(self, pod: str, reason: str) -> str:
        """Waits until a container of a Pod waits with a reason; returns the message, which may be empty."""

        def found() -> Object | None:
            statuses = self.store.get(PODS, "default", pod)["status"].get("containerStatuses", [])
            states = [item["state"].get("waiting", {}) for item in statuses]
            return next((state for state in states if state.get("reason") == reason), None)

        return str((await self.until(found)).get("message", ""))

    async def gone(self, resource: str, name: str) -> None:
        await self.until(lambda: self.store.find(resource, "default", name) is None)

    async def logged(self, pod: str, text: str) -> None:
        """Waits until the log of a Pod's container has this text."""

        uid = self.store.get(PODS, "default", pod)["metadata"]["uid"]
        await until_file(lambda: (self.state / "logs" / uid / "c.0.log").exists() and self.log(pod) == text)

    def log(self, pod: str, container: str = "c", restart: int = 0) -> str:
        """Returns the text of a container's log."""
        uid = self.store.get(PODS, "default", pod)["metadata"]["uid"]
        lines = (self.state / "logs" / uid / f"{container}.{restart}.log").read_text().splitlines()
        return "".join(line.split(" ", 3)[3] + "\n" for line in lines)


def main_container(status: Object) -> Object:
    """Returns the status of a Pod's only container."""
    (container,) = status["containerStatuses"]
    return cast(Object, container)


async def until_file(holds: Callable[[], bool]) -> None:
    """Waits until a condition about files is true. It polls, because there is no event for a change."""

    async def poll() -> None:
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)

    await asyncio.wait_for(poll(), TIMEOUT_SECONDS)


def pod_spec(script: str, container: Object, spec: Object | None) -> Object:
    main = {"name": "c", "image": "busybox", "command": ["sh", "-c", script], **TERMINATION, **container}
    return {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [main], **(spec or {})}


def pool(name: str, *, size: int = 1, max_size: int | None = None, **fields: Any) -> NodePool:
    defaults = {"labels": {}, "taints": [], "allocatable": {"cpu": "4", "memory": "16Gi"}, "spot": False}
    times = {"scale_up_seconds": 0.01, "size": size, "max_size": size if max_size is None else max_size}
    return NodePool(name=name, **{**defaults, **times, **fields})


def on_cluster(
    *, pools: list[NodePool] | None = None, images: dict[str, Image] | None = None, broken: dict[str, str] | None = None
) -> Callable[[Callable[[Cluster], Awaitable[None]]], Callable[[Path], None]]:
    """Turns a coroutine that takes a running cluster into a test. An error in a controller fails the test."""
    config = replace(
        load(),
        name="test",
        settings=Settings(backoff_seconds=0.05, image_pull_backoff_seconds=0.05, restart_backoff_seconds=0.05),
        node_pools=[pool("default-pool")] if pools is None else pools,
        images={"busybox": Image("busybox", {}), **(images or {})},
        broken_images=broken or {},
    )

    def decorate(scenario: Callable[[Cluster], Awaitable[None]]) -> Callable[[Path], None]:
        def test(tmp_path: Path) -> None:
            asyncio.run(run(Cluster(tmp_path, config), scenario))

        test.__name__ = scenario.__name__
        return test

    return decorate


async def run(cluster: Cluster, scenario: Callable[[Cluster], Awaitable[None]]) -> None:
    running = asyncio.ensure_future(controllers.run(cluster.store, cluster.config, cluster.state))
    testing = asyncio.ensure_future(scenario(cluster))
    try:
        await asyncio.wait({running, testing}, return_when=asyncio.FIRST_COMPLETED)
        for task in (running, testing):
            if task.done():
                task.result()
    finally:
        running.cancel()
        testing.cancel()
        await asyncio.gather(running, testing, return_exceptions=True)
