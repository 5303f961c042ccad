"""The functions that all controllers share."""

from localgke.objects import record, set_condition
from localgke.store import Object, Store


def config_map(store: Store) -> Object:
    meta = {"name": "x", "namespace": "default"}
    return store.create("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})


def test_a_repeated_event_increments_its_count() -> None:
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
    kept = {key: first[key] for key in ("type", "status", "lastProbeTime", "lastTransitionTime")}
    assert waiting == kept | {"reason": "Waiting"}
    assert set_condition(obj, "Ready", "True")
    assert obj["status"]["conditions"][0].keys() == {"type", "status", "lastProbeTime", "lastTransitionTime"}
    assert obj["status"]["conditions"][0]["lastTransitionTime"] > "2000-01-01T00:00:00Z"
