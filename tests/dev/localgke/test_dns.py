"""The names that a Pod's containers can resolve."""

from __future__ import annotations

from typing import Any

import pytest

from localgke.bare_cluster import Cluster, on_cluster, pod_spec
from localgke.dns import Record, hosts, records
from localgke.objects import PODS
from localgke.store import Object, Store


def pod(phase: str = "Running", ready: bool = True, **spec: Any) -> Object:
    conditions = [{"type": "Ready", "status": str(ready)}]
    meta = {"name": "p", "namespace": "ml", "labels": {"job": "a", "x": "y"}}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase, "podIP": "10.0.0.1", "conditions": conditions}}


def store(pod: Object, **service: Any) -> Store:
    made = Store()
    made.create(PODS, pod)
    spec = {"clusterIP": "None", "selector": {"job": "a"}, **service}
    made.create("services", {"metadata": {"name": "s", "namespace": "ml"}, "spec": spec})
    return made


def names(pod: Object, **service: Any) -> list[str]:
    return [record.name for record in records(store(pod, **service))]


def test_the_name_of_a_service_resolves_to_the_pods_it_selects() -> None:
    assert records(store(pod())) == [Record("ml", "s", "10.0.0.1")]


@pytest.mark.parametrize(
    ("other", "service"),
    [
        (pod(), {"selector": {"job": "b"}}),
        (pod(), {"selector": None}),
        (pod("Failed"), {"publishNotReadyAddresses": True}),
        (pod(ready=False), {}),
    ],
)
def test_a_pod_that_is_not_selected_or_not_ready_has_no_name(other: Object, service: dict[str, Any]) -> None:
    assert names(other, **service) == []


def test_a_pod_that_is_not_ready_has_a_name_if_the_service_publishes_it() -> None:
    assert names(pod(ready=False), publishNotReadyAddresses=True) == ["s"]


@pytest.mark.parametrize(("subdomain", "expected"), [("s", ["s", "h.s"]), ("t", ["s"])])
def test_a_pod_with_the_service_as_its_subdomain_has_a_name_of_its_own(subdomain: str, expected: list[str]) -> None:
    assert names(pod(hostname="h", subdomain=subdomain)) == expected


def test_short_names_are_those_of_the_own_namespace() -> None:
    lines = hosts(pod(hostname="me"), [Record("ml", "h.s", "10.0.0.1"), Record("other", "t", "10.0.0.2")])
    assert lines == (
        "127.0.0.1 localhost\n127.0.0.1 me\n"
        "10.0.0.1 h.s.ml.svc.cluster.local h.s.ml.svc h.s.ml h.s\n"
        "10.0.0.2 t.other.svc.cluster.local t.other.svc t.other\n"
    )


@on_cluster()
async def test_a_container_resolves_the_name_of_a_later_pod(cluster: Cluster) -> None:
    cluster.create("services", "Service", "s", spec={"clusterIP": "None", "selector": {"job": "a"}})
    cluster.pod("first", "until getent hosts b.s; do sleep 0.01; done")
    await cluster.phase("first", "Running")
    late = pod_spec("exec sleep 600", {}, {"hostname": "b", "subdomain": "s"})
    cluster.create(PODS, "Pod", "second", spec=late, metadata={"labels": {"job": "a"}}, status={"phase": "Pending"})
    await cluster.phase("first", "Succeeded")
    assert cluster.log("first").split() == [
        "127.0.0.1",
        "b.s.default.svc.cluster.local",
        "b.s.default.svc",
        "b.s.default",
        "b.s",
    ]
