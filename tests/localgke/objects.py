"""Imitates what all controllers of Kubernetes do alike: conditions, events, owners, deletion, waking up on changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine
from datetime import datetime, timedelta, timezone
from typing import Any

from localgke.store import Object, Store, now

PODS, JOBS, NODES = "pods", "jobs.batch", "nodes"
TERMINAL = ("Succeeded", "Failed")
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


def condition(obj: Object, kind: str) -> Object | None:
    """The condition of that type, or None."""
    return next((item for item in obj.get("status", {}).get("conditions", []) if item["type"] == kind), None)


def is_true(obj: Object, kind: str) -> bool:
    """Whether the object has that condition with status True."""
    found = condition(obj, kind)
    return found is not None and found["status"] == "True"


def set_condition(obj: Object, kind: str, status: str, reason: str = "", message: str = "") -> bool:
    """Sets a condition in `obj` (not in the store). Says whether anything changed."""
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    old = condition(obj, kind)
    new = {"type": kind, "status": status, "lastTransitionTime": now()}
    new.update({key: text for key, text in (("reason", reason), ("message", message)) if text})
    if old is None:
        conditions.append(new)
        return True
    if old["status"] == status:
        new["lastTransitionTime"] = old["lastTransitionTime"]
    changed = any(old.get(key) != new.get(key) for key in ("status", "reason", "message"))
    conditions[conditions.index(old)] = new
    return changed


def owner_uid(obj: Object) -> str | None:
    """The uid of the controller that owns the object."""
    owners = obj["metadata"].get("ownerReferences", [])
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def is_active(pod: Object) -> bool:
    """Whether a Pod may still do something and nobody has asked it to end."""
    return pod["status"]["phase"] not in TERMINAL and "deletionTimestamp" not in pod["metadata"]


def record(
    store: Store, obj: Object, component: str, kind: str, reason: str, message: str, *, host: str = "", part: str = ""
) -> None:
    """Records an event about `obj`; the same event again raises its count. `kind`: Normal or Warning. `part`: the
    field path of the container that it is about.
    """
    meta = obj["metadata"]
    namespace = meta.get("namespace", "default")
    about = {"kind": obj["kind"], "namespace": namespace, "name": meta["name"], "uid": meta["uid"]}
    about |= {"fieldPath": part} if part else {}
    new = {"reason": reason, "message": message, "reportingComponent": component}
    same = store.list(
        "events",
        namespace,
        lambda event: event["involvedObject"].items() >= about.items() and event.items() >= new.items(),
    )
    if same:
        store.update("events", {**same[0], "count": same[0]["count"] + 1, "lastTimestamp": now()})
        return
    store.create(
        "events",
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{time.time_ns():x}", "namespace": namespace},
            "involvedObject": {**about, "apiVersion": obj["apiVersion"], "resourceVersion": meta["resourceVersion"]},
            **new,
            "source": {"component": component, "host": host} if host else {"component": component},
            "firstTimestamp": now(),
            "lastTimestamp": now(),
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingInstance": host,
        },
    )


def delete(store: Store, resource: str, obj: Object, *, grace: int | None = None, finalizer: str = "") -> None:
    """Asks for the end of an object that is in the store, as the API server does. It goes at once, or when its
    finalizers (with `finalizer`, one more) are taken away and, for a running Pod, the kubelet has stopped it.

    `grace`: seconds for a Pod to stop in; by default what its spec says. A second call can only shorten it.
    """
    meta = obj["metadata"]
    seconds = _grace(obj, grace) if resource == PODS else 0
    if "deletionTimestamp" in meta:
        seconds = min(seconds, meta["deletionGracePeriodSeconds"])
    end = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    meta.setdefault("deletionTimestamp", end.strftime("%Y-%m-%dT%H:%M:%SZ"))
    meta["deletionGracePeriodSeconds"] = seconds
    if finalizer and finalizer not in meta.get("finalizers", []):
        meta["finalizers"] = [*meta.get("finalizers", []), finalizer]
    store.update(resource, obj)


def _grace(pod: Object, asked: int | None) -> int:
    """A Pod that runs nowhere has nothing to stop."""
    if pod["status"]["phase"] in TERMINAL or not pod["spec"].get("nodeName"):
        return 0
    return pod["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked


def without_finalizer(obj: Object, finalizer: str) -> Object:
    """The object without that finalizer, for `Store.update`."""
    meta = obj["metadata"]
    meta["finalizers"] = [name for name in meta.get("finalizers", []) if name != finalizer]
    return obj


async def together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Runs all of them until they end, one fails or the caller is cancelled; each of the others is cancelled once.

    (`asyncio.gather` does not wait for the others, so that they would be cancelled again while they clean up.)
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def reconcile(
    store: Store, resources: Collection[str], sync: Callable[[], float | None], wake: asyncio.Event | None = None
) -> None:
    """Calls `sync` whenever an object of `resources` changes, `wake` is set, or the seconds it returned have passed."""
    awake = wake or asyncio.Event()
    version = store.version

    async def listen() -> None:
        try:
            async for _ in store.watch(version, lambda change: change.resource in resources):
                awake.set()
        finally:
            awake.set()

    listener = asyncio.create_task(listen())
    loop = asyncio.get_running_loop()
    try:
        while not listener.done():
            awake.clear()
            seconds = sync()
            timer = None if seconds is None else loop.call_later(seconds, awake.set)
            await awake.wait()
            if timer:
                timer.cancel()
        listener.result()
    finally:
        listener.cancel()
