"""The requests and limits of a Pod, as the API server, the scheduler and quotas of Kubernetes compute them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from decimal import Decimal

from gke_jobs.json_access import Json, dict_at, list_at, text_at
from gke_jobs.quantities import Amounts, amounts

CONTAINER = "Container"  # type of an item of a LimitRange
OF_POD = ("cpu", "memory")  # resources that a Pod may set in `resources`, beside huge pages
HUGE_PAGES = "hugepages-"


def containers(pod: Json) -> list[Json]:
    """Return all containers of a Pod spec, in the order in which they start."""
    found = [*list_at(pod, "initContainers"), *list_at(pod, "containers")]
    return [container for container in found if isinstance(container, dict)]


def with_defaults(pod: Json, limit_ranges: Sequence[Json]) -> Json:
    """Return a Pod spec as the API server stores it.

    First, a limit without a request becomes the request. Then each LimitRange adds missing values.
    """
    pod = copy.deepcopy(pod)
    items = [item for limit_range in limit_ranges for item in list_at(limit_range, "spec", "limits")]
    for container in containers(pod):
        limits = dict_at(container, "resources", "limits")
        requests = limits | dict_at(container, "resources", "requests")
        for item in (item for item in items if text_at(item, "type") == CONTAINER):
            limits = dict_at(item, "default") | limits
            requests = dict_at(item, "defaultRequest") | requests
        container["resources"] = {"limits": limits, "requests": limits | requests}
    return pod


def requests(pod: Json) -> Amounts:
    """Return the requests that the scheduler and a quota count. pod: with defaults.

    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    of_pod = {kind: _of_pod(pod, kind) for kind in ("limits", "requests")}
    return of_pod["limits"] | _of_containers(pod, "requests") | of_pod["requests"]


def limits(pod: Json) -> Amounts:
    """Return the total limits. pod: with defaults."""
    return _of_containers(pod, "limits") | _of_pod(pod, "limits")


def _of_pod(pod: Json, kind: str) -> Amounts:
    found = amounts(dict_at(pod, "resources", kind))
    return {name: number for name, number in found.items() if name in OF_POD or name.startswith(HUGE_PAGES)}


def _of_containers(pod: Json, kind: str) -> Amounts:
    """Return the maximum that runs at once: containers and all sidecars, or an init container and earlier sidecars."""
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in list_at(pod, "initContainers"):
        asked = amounts(dict_at(container, "resources", kind))
        if text_at(container, "restartPolicy") == "Always":
            sidecars = _sum(sidecars, asked)
        else:
            starting = _largest(starting, _sum(sidecars, asked))
    running = sidecars
    for container in list_at(pod, "containers"):
        running = _sum(running, amounts(dict_at(container, "resources", kind)))
    return _largest(running, starting)


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return {name: one.get(name, Decimal(0)) + other.get(name, Decimal(0)) for name in one | other}


def _largest(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, Decimal(0)), other.get(name, Decimal(0))) for name in one | other}
