"""What all controllers do alike."""

import asyncio

import pytest

from localgke.objects import delete, record, set_condition, together
from localgke.store import Object, Store


def config_map(store: Store) -> Object:
    meta = {"name": "x", "namespace": "default"}
    return store.create("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})


def test_the_same_event_again_raises_its_count() -> None:
    store = Store()
    about = config_map(store)
    for message in ("one", "two", "one"):
        record(store, about, "tester", "Normal", "Tested", message)
    found = store.list("events")
    assert [(event["message"], event["count"]) for event in found] == [("one", 2), ("two", 1)]
    assert found[0]["involvedObject"]["uid"] == about["metadata"]["uid"]
    assert found[0]["source"] == {"component": "tester"}


def test_a_condition_changes_its_transition_time_only_with_its_status() -> None:
    obj: Object = {}
    assert set_condition(obj, "Ready", "False", "Starting", "soon")
    (first,) = obj["status"]["conditions"]
    first["lastTransitionTime"] = "2000-01-01T00:00:00Z"
    assert not set_condition(obj, "Ready", "False", "Starting", "soon")
    assert set_condition(obj, "Ready", "False", "Waiting")
    (waiting,) = obj["status"]["conditions"]
    assert waiting == {key: first[key] for key in ("type", "status", "lastTransitionTime")} | {"reason": "Waiting"}
    assert set_condition(obj, "Ready", "True")
    assert obj["status"]["conditions"][0].keys() == {"type", "status", "lastTransitionTime"}
    assert obj["status"]["conditions"][0]["lastTransitionTime"] > "2000-01-01T00:00:00Z"


def test_a_deleted_object_stays_until_its_last_finalizer_is_taken_away() -> None:
    store = Store()
    obj = config_map(store)
    delete(store, "configmaps", obj, finalizer="test/keep")
    kept = store.get("configmaps", "default", "x")
    assert kept["metadata"]["deletionTimestamp"]
    kept["metadata"]["finalizers"] = []
    store.update("configmaps", kept)
    assert store.find("configmaps", "default", "x") is None


def test_when_one_of_several_coroutines_fails_the_others_may_clean_up_in_peace() -> None:
    cleaned = []

    async def working() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(together(working(), working(), failing()))
    assert cleaned == [True, True]
