import asyncio
import json

from localgke.deletion import delete

PODS = "/api/v1/namespaces/default/pods"


def pod(name, **labels):
    meta = {"name": name, "namespace": "default", "labels": labels}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": meta,
        "spec": {"containers": [{"name": "main"}]},
        "status": {"phase": "Pending"},
    }


def watch(api, act, path=PODS, accept="application/json", **query):
    """The events of a watch, until it ends; `act` is done to the store once the watch stands."""

    async def scenario(client):
        query.setdefault("timeoutSeconds", "1")
        async with client.get(path, params={"watch": "true", **query}, headers={"Accept": accept}) as response:
            assert response.status == 200
            act(api.store)
            return [json.loads(line) async for line in response.content]

    return api.run(scenario)


def summary(events):
    return [(event["type"], event["object"]["metadata"].get("name")) for event in events]


def test_a_watch_without_a_version_begins_with_existing_objects(api):
    api.store.create("pods", pod("a"))
    events = watch(api, lambda store: store.create("pods", pod("b")))
    assert summary(events) == [("ADDED", "a"), ("ADDED", "b")]


def test_a_watch_from_a_version_returns_only_later_changes(api):
    api.store.create("pods", pod("a"))
    version = api.store.version
    api.store.create("pods", pod("b"))
    events = watch(api, lambda store: delete(store, "pods", "default", "a"), resourceVersion=version)
    assert summary(events) == [("ADDED", "b"), ("DELETED", "a")]


def test_an_object_that_enters_or_leaves_a_selector_is_added_or_deleted(api):
    api.store.create("pods", pod("a", on="yes"))
    api.store.create("pods", pod("b", on="no"))

    def act(store):
        store.update("pods", pod("a", on="no"))
        store.update("pods", pod("b", on="yes"))
        store.update("pods", pod("b", on="yes", more="x"))

    events = watch(api, act, labelSelector="on=yes")
    assert summary(events) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "b"), ("MODIFIED", "b")]


def test_a_watch_omits_other_resources_and_namespaces(api):
    def act(store):
        store.create("configmaps", {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}})
        store.create("pods", {**pod("p"), "metadata": {"name": "p", "namespace": "other"}})

    assert watch(api, act) == []


def test_a_watch_that_is_out_of_date_gets_an_error_event_with_410(api):
    api.store._history.append(api.store._history[0]._replace(version=100))
    api.store._history.popleft()
    events = watch(api, lambda store: None, resourceVersion="5")
    assert [(event["type"], event["object"]["code"], event["object"]["reason"]) for event in events] == [
        ("ERROR", 410, "Expired")
    ]


def test_a_watch_of_tables_sends_the_columns_once(api):
    api.store.create("pods", pod("a"))
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    events = watch(api, lambda store: store.create("pods", pod("b")), accept=accept)
    assert [event["object"]["kind"] for event in events] == ["Table", "Table"]
    assert [bool(event["object"]["columnDefinitions"]) for event in events] == [True, False]
    assert [event["object"]["rows"][0]["cells"][0] for event in events] == ["a", "b"]


def test_a_watch_list_is_refused_with_the_error_that_makes_clients_fall_back(api):
    async def scenario(client):
        query = {"watch": "true", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        async with client.get(PODS, params=query) as response:
            return response.status, (await response.json())["message"]

    status, message = api.run(scenario)
    assert status == 422
    assert "unless the WatchList feature gate is enabled" in message


def test_a_watch_ends_with_its_client(api):
    async def scenario(client):
        response = await client.get(PODS, params={"watch": "true"})
        assert len(api.store._notify) == 1
        response.close()
        while api.store._notify:  # noqa: ASYNC110 - a set has no event; the scenario has a time limit
            await asyncio.sleep(0.01)

    api.run(scenario)
