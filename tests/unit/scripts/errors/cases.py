"""What the API server says by itself: how each error is made, and the verdict on it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recorder import Cluster, Recorded


@dataclass(frozen=True)
class Case:
    """An error that `answers` makes on a cluster."""

    name: str
    verdict: str
    answers: Callable[[Cluster], list[Recorded]]


CASES: list[Case] = []


def case(verdict: str) -> Callable[[Callable[[Cluster], list[Recorded]]], None]:
    def add(answers: Callable[[Cluster], list[Recorded]]) -> None:
        CASES.append(Case(answers.__name__, verdict, answers))

    return add


def job(name: str = "train", pod: Any = None, container: Any = None, **spec: Any) -> Recorded:
    main = {"name": "main", "image": "busybox:1.37", "command": ["sleep", "1"], **(container or {})}
    template = {"spec": {"restartPolicy": "Never", "containers": [main], **(pod or {})}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"suspend": False, "template": template, **spec},
    }


def path(namespace: str, name: str = "") -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs" + (f"/{name}" if name else "")


def create(on: Cluster, namespace: str, given: Recorded, **changes: Any) -> list[Recorded]:
    """Create it in both ways."""
    config = on.kubeconfig(**changes)
    raw = on.run(["create", "--raw", path(namespace), "--filename", "-"], config, given)
    return [*raw, *on.run(["create", "--namespace", namespace, "--filename", "-"], config, given)]


def read(on: Cluster, **changes: Any) -> list[Recorded]:
    """Create, as the scripts do, and read through a proxy."""
    config = on.kubeconfig(**changes)
    written = on.run(["create", "--raw", path("default"), "--filename", "-"], config, job())
    deleted = on.run(["delete", "--raw", path("default", "none")], config)
    return [*written, *deleted, *on.ask(path("default", "none"), config)]


def status(code: int, reason: str, message: str) -> str:
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return json.dumps({**head, "message": message, "reason": reason, "code": code})


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@case("denied")
def rbac(on: Cluster) -> list[Recorded]:
    outsider = {"token": "outsider-token"}
    annotated = on.run(["annotate", "job", "none", "a=b"], on.kubeconfig(**outsider))
    return [*read(on, **outsider), *create(on, "default", job(), **outsider), *annotated]


@case("login")
def token_invalid(on: Cluster) -> list[Recorded]:
    return [*read(on, token="worthless"), *create(on, "default", job(), token="worthless")]


@case("absent")
def job_absent(on: Cluster) -> list[Recorded]:
    config = on.kubeconfig()
    annotated = on.run(["annotate", "job", "none", "a=b"], config)
    deleted = on.run(["delete", "--raw", path("default", "none")], config)
    return [*deleted, *annotated, *on.ask(path("default", "none"), config)]


@case("config")
def namespace_absent(on: Cluster) -> list[Recorded]:
    return create(on, "record-nowhere", job())


@case("config")
def namespace_terminating(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    on.kubectl("create", "configmap", "keeper", "--namespace", namespace)
    patch = ["patch", "configmap", "keeper", "--namespace", namespace, "--patch"]
    on.kubectl(*patch, '{"metadata": {"finalizers": ["example.com/keep"]}}')
    on.kubectl("delete", "namespace", namespace, "--wait=false")
    try:
        return create(on, namespace, job())
    finally:
        on.kubectl(*patch, '{"metadata": {"finalizers": null}}')


@case("exists")
def job_exists(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    on.kubectl("create", "--namespace", namespace, "--filename", "-", given=job(suspend=True))
    return create(on, namespace, job())


@case("exists")
def job_being_deleted(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    given = job(suspend=True)
    given["metadata"]["finalizers"] = ["example.com/keep"]
    on.kubectl("create", "--namespace", namespace, "--filename", "-", given=given)
    on.kubectl("delete", "job", "train", "--namespace", namespace, "--wait=false")
    try:
        return create(on, namespace, job())
    finally:
        patch = '{"metadata": {"finalizers": null}}'
        on.kubectl("patch", "job", "train", "--namespace", namespace, "--patch", patch)


@case("conflict")
def job_changed(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    on.kubectl("create", "--namespace", namespace, "--filename", "-", given=job(suspend=True))
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "another"}}
    delete = ["delete", "--raw", path(namespace, "train"), "--filename", "-"]
    annotate = ["annotate", "job", "train", "--namespace", namespace, "--resource-version", "1", "a=b"]
    return [*on.run(delete, on.kubeconfig(), options), *on.run(annotate, on.kubeconfig())]


@case("expired")
def version_too_old(on: Cluster) -> list[Recorded]:
    watch = path("default") + "?watch=true&resourceVersion=1&timeoutSeconds=1"
    listed = path("default") + "?resourceVersion=1&resourceVersionMatch=Exact"
    return [*on.ask(watch, on.kubeconfig()), *on.ask(listed, on.kubeconfig())]


@case("refused")
def manifest_invalid(on: Cluster) -> list[Recorded]:
    return create(on, on.namespace(), job(pod={"restartPolicy": "Always"}))


@case("refused")
def too_large(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    annotated = job()
    annotated["metadata"]["annotations"] = {"data": "x" * 300_000}
    commands = [["x" * size] for size in (2_000_000, 3_600_000)]  # etcd takes 1.5 MiB, the API server 3 MiB
    given = [annotated, *(job(container={"command": command}) for command in commands)]
    return [answer for one in given for answer in create(on, namespace, one)]


@case("refused")
def field_unknown(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    strict = ["create", "--raw", path(namespace) + "?fieldValidation=Strict", "--filename", "-"]
    given = job(container={"imagee": "x"})
    made = on.run(["create", "--namespace", namespace, "--filename", "-"], on.kubeconfig(), given)
    return [*made, *on.run(strict, on.kubeconfig(), given)]


@case("refused")
def quantity_bad(on: Cluster) -> list[Recorded]:
    return create(on, on.namespace(), job(container={"resources": {"limits": {"memory": "16 Gigs"}}}))


@case("refused")
def kind_unknown(on: Cluster) -> list[Recorded]:
    given = {"apiVersion": "batch/v2", "kind": "Job", "metadata": {"name": "x"}}
    return create(on, on.namespace(), given)


@case("refused")
def other_namespace(on: Cluster) -> list[Recorded]:
    given = job()
    given["metadata"]["namespace"] = "another"
    return create(on, on.namespace(), given)
