import asyncio

import pytest

from localgke import store as store_module
from localgke.errors import ApiError
from localgke.store import Store


def pod(name="p", **metadata):
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": "default", **metadata}}


def test_an_object_gets_a_uid_a_version_and_a_time_and_is_copied_in_and_out():
    store = Store()
    given = pod()
    made = store.create("pods", given)
    assert made["metadata"]["uid"]
    assert made["metadata"]["resourceVersion"] == store.version
    given["metadata"]["labels"] = made["metadata"]["labels"] = {"changed": "outside"}
    assert "labels" not in store.get("pods", "default", "p")["metadata"]


def test_an_update_from_an_older_version_is_a_conflict():
    store = Store()
    old = store.create("pods", pod())
    store.update("pods", {**old, "status": {"phase": "Running"}})
    with pytest.raises(ApiError, match="the object has been modified") as caught:
        store.update("pods", {**old, "status": {"phase": "Failed"}})
    assert caught.value.reason == "Conflict"


def test_an_update_of_another_object_with_the_same_name_is_a_conflict():
    store = Store()
    store.create("pods", pod())
    with pytest.raises(ApiError, match="UID in precondition: another, UID in object meta: "):
        store.update("pods", pod(uid="another"))


def test_an_update_that_changes_nothing_makes_no_new_version():
    store = Store()
    made = store.create("pods", pod())
    assert store.update("pods", made)["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_deleted_object_is_removed_with_its_last_finalizer():
    store = Store()
    made = store.create("pods", pod(finalizers=["a"]))
    made["metadata"].update(deletionTimestamp="2025-01-01T00:00:00Z", deletionGracePeriodSeconds=0)
    held = store.update("pods", made)
    assert store.find("pods", "default", "p") == held
    held["metadata"]["finalizers"] = []
    store.update("pods", held)
    assert store.find("pods", "default", "p") is None


def test_a_rehearsal_does_not_change_the_store():
    store = Store()
    store.rehearsal().create("pods", pod())
    assert store.list("pods") == []


def test_a_watch_returns_every_change_after_a_version_in_order():
    async def scenario():
        store = Store()
        since = store.version
        made = store.create("pods", pod())
        store.update("pods", {**made, "status": {"phase": "Running"}})
        changes = store.watch(since)
        types = [(await anext(changes)).type, (await anext(changes)).type]
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        store.update("pods", pod(deletionTimestamp="2025-01-01T00:00:00Z"))
        return [*types, (await waiting).type]

    assert asyncio.run(scenario()) == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_from_a_version_before_the_history_is_expired():
    async def scenario():
        store = Store()
        since = store.version
        for number in range(store_module.HISTORY + 1):
            store.create("pods", pod(f"p{number}"))
        return await anext(store.watch(since))

    with pytest.raises(ApiError, match="too old resource version") as caught:
        asyncio.run(scenario())
    assert caught.value.code == 410
