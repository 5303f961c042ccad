"""Imitates the cluster's DNS: the names of headless Services and of their Pods. A container finds them in /etc/hosts.

As on a real cluster, HOSTNAME.SERVICE is the name of a Pod that the Service selects and whose subdomain is the Service.
A name exists once the Pod is ready, or with publishNotReadyAddresses once it has an address.
"""

from __future__ import annotations

from typing import NamedTuple

from localgke.objects import PODS, TERMINAL, is_true
from localgke.store import Object, Store

DOMAIN = "svc.cluster.local"


class Record(NamedTuple):
    """A name in a namespace, and its address."""

    namespace: str
    name: str
    address: str


def records(store: Store) -> list[Record]:
    """Returns all current names."""
    return [
        Record(service["metadata"]["namespace"], name, pod["status"]["podIP"])
        for service in store.list("services")
        for pod in store.list(PODS, service["metadata"]["namespace"])
        if _selects(service, pod)
        for name in _names(service, pod)
    ]


def _selects(service: Object, pod: Object) -> bool:
    selector, labels = service["spec"].get("selector"), pod["metadata"].get("labels", {})
    if not selector or not selector.items() <= labels.items():
        return False
    status = pod["status"]
    there = "podIP" in status and status["phase"] not in TERMINAL
    return there and (service["spec"].get("publishNotReadyAddresses", False) or is_true(pod, "Ready"))


def _names(service: Object, pod: Object) -> list[str]:
    name, spec = service["metadata"]["name"], pod["spec"]
    own = [f"{spec['hostname']}.{name}"] if "hostname" in spec and spec.get("subdomain") == name else []
    return [name, *own]


def hosts(pod: Object, found: list[Record]) -> str:
    """Returns the /etc/hosts of a Pod's containers. Short names are of its own namespace, as with search domains."""
    lines = ["127.0.0.1 localhost", f"127.0.0.1 {pod['spec'].get('hostname') or pod['metadata']['name']}"]
    for record in found:
        space = f"{record.name}.{record.namespace}"
        names = [f"{space}.{DOMAIN}", f"{space}.svc", space]
        if record.namespace == pod["metadata"]["namespace"]:
            names.append(record.name)
        lines.append(" ".join([record.address, *names]))
    return "".join(f"{line}\n" for line in lines)
