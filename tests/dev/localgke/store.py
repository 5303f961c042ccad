"""Imitates etcd and the watch cache: objects, one resourceVersion counter, optimistic concurrency, watches.

Objects are plain dicts as in the API's JSON. Arguments and results are copied, so callers can change a stored object
only with `update`. `resource` is the full name as kubectl prints it: `pods`, `jobs.batch`.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timezone
from typing import Any, NamedTuple

from localgke.errors import ApiError, already_exists, conflict, not_found

Object = dict[str, Any]
MAX_GENERATED_BASE = 58  # characters of a generateName that are kept; with the suffix a name has 63
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
HISTORY = 2000  # changes kept for watches; an older resourceVersion is answered with 410 Gone


class Change(NamedTuple):
    """A watch event. `old` is the previous object, for watches whose selector an object begins or ceases to match."""

    version: int
    type: str  # ADDED, MODIFIED, DELETED
    resource: str
    object: Object
    old: Object | None


def now() -> str:
    """Returns the current time in the API's format: RFC 3339, UTC, whole seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def generated_name(base: str) -> str:
    """Returns a name that consists of `base`, a generateName, and a random suffix."""
    return base[:MAX_GENERATED_BASE] + "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(5))


class Store:
    """All objects of one cluster. Everything runs in one event loop, so a call without `await` is atomic."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._version = 1
        self._notify: set[asyncio.Event] = set()

    @property
    def version(self) -> str:
        """The newest resourceVersion."""
        return str(self._version)

    def rehearsal(self) -> Store:
        """Returns a copy without watchers, for a dry run."""
        copied = Store()
        copied._objects = copy.deepcopy(self._objects)
        copied._version = self._version
        return copied

    def create(self, resource: str, obj: Object) -> Object:
        """Stores a new object and gives it a uid (unless it has one), creationTimestamp and resourceVersion.

        Raises AlreadyExists.
        """
        obj = copy.deepcopy(obj)
        meta = obj.setdefault("metadata", {})
        if not meta.get("name"):
            meta["name"] = generated_name(meta["generateName"])
        key = (resource, meta.get("namespace", ""), meta["name"])
        if key in self._objects:
            raise already_exists(resource, meta["name"])
        meta.setdefault("uid", str(uuid.uuid4()))
        meta["creationTimestamp"] = now()
        self._put(key, "ADDED", obj)
        return copy.deepcopy(obj)

    def get(self, resource: str, namespace: str, name: str) -> Object:
        """Returns one object. Raises NotFound."""
        try:
            return copy.deepcopy(self._objects[(resource, namespace, name)])
        except KeyError:
            raise not_found(resource, name) from None

    def find(self, resource: str, namespace: str, name: str) -> Object | None:
        """Returns one object, or None."""
        return copy.deepcopy(self._objects.get((resource, namespace, name)))

    def list(
        self, resource: str, namespace: str = "", matches: Callable[[Object], bool] = lambda _: True
    ) -> list[Object]:
        """Returns the objects of a resource, sorted by name; of all namespaces if `namespace` is empty."""
        found = [
            obj
            for (kind, space, _), obj in sorted(self._objects.items())
            if kind == resource and namespace in ("", space) and matches(obj)
        ]
        return copy.deepcopy(found)

    def update(self, resource: str, obj: Object) -> Object:
        """Replaces an object. Raises Conflict if `obj` has a resourceVersion, and it is not the stored one.

        An update that changes nothing makes no new version. One that leaves an object with a deletionTimestamp, no
        finalizers and no grace period removes it.
        """
        meta = obj["metadata"]
        key = (resource, meta.get("namespace", ""), meta["name"])
        old = self._objects.get(key)
        if old is None:
            raise not_found(resource, meta["name"])
        uid = old["metadata"]["uid"]
        if meta.get("uid", uid) != uid:
            why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {uid}"
            raise conflict(resource, meta["name"], why)
        if meta.get("resourceVersion", old["metadata"]["resourceVersion"]) != old["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(resource, meta["name"], why)
        obj = copy.deepcopy(obj)
        for field in ("uid", "creationTimestamp", "resourceVersion"):
            obj["metadata"][field] = old["metadata"][field]
        if obj == old:
            return obj
        new = obj["metadata"]
        held = new.get("finalizers") or new.get("deletionGracePeriodSeconds")
        self._put(key, "DELETED" if "deletionTimestamp" in new and not held else "MODIFIED", obj, old)
        return copy.deepcopy(obj)

    async def watch(
        self, since: str, wanted: Callable[[Change], bool] = lambda _: True
    ) -> AsyncGenerator[Change, None]:
        """Yields every change after resourceVersion `since`, without end. Raises Expired if it is too old."""
        seen = int(since)
        wake = asyncio.Event()
        self._notify.add(wake)
        try:
            while True:
                if self._history and seen < self._history[0].version - 1:
                    raise ApiError("Expired", f"too old resource version: {seen} ({self._history[0].version - 1})")
                pending = [change for change in self._history if change.version > seen]
                for change in pending:
                    seen = change.version
                    if wanted(change):
                        yield change._replace(object=copy.deepcopy(change.object))
                if not pending:
                    await wake.wait()
                    wake.clear()
        finally:
            self._notify.discard(wake)

    def _put(self, key: tuple[str, str, str], change: str, obj: Object, old: Object | None = None) -> None:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        if change == "DELETED":
            del self._objects[key]
        else:
            self._objects[key] = obj
        self._history.append(Change(self._version, change, key[0], copy.deepcopy(obj), old))
        for wake in self._notify:
            wake.set()
