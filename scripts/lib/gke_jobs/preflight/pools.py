"""Checks which profiles find a node: in the node pools of GKE by the GKE API, and on the existing nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from gke_jobs.json_access import Json, at, count_at, dict_at, int_at, list_at, text_at
from gke_jobs.preflight.finding import Finding, ok, warning
from gke_jobs.preflight.pod_resources import requests
from gke_jobs.quantities import Amounts, amounts, format_amount

GKE = "cloud.google.com/"
POOL, CLASS = f"{GKE}gke-nodepool", f"{GKE}compute-class"
GPU, TPU = "nvidia.com/gpu", "google.com/tpu"
EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute"}
Taint = tuple[str, str, str]  # key, value, effect
CORDON: Taint = ("node.kubernetes.io/unschedulable", "", "NoSchedule")
ONLY_NODES = "a node pool without nodes is known only from the GKE API: give --project, --location and --cluster"


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A kind of node. room: allocatable resources of one node, None if none exists; most: maximum number of nodes."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...] = ()
    room: Amounts | None = None
    most: int = 1
    extended: Amounts = field(default_factory=dict)  # GPUs, known without a node


def labels_asked_for(pods: Iterable[Json]) -> set[str]:
    """Return the keys of the node labels by which these Pods select nodes."""
    return {POOL}.union(*(dict_at(pod, "nodeSelector") for pod in pods))


def of_cluster(cluster: Json, nodes: Sequence[Json]) -> list[Pool]:
    """Return the node pools of a cluster from the GKE API, each once for each kind of node that it has."""
    found = []
    for pool in list_at(cluster, "nodePools"):
        of_pool = [node for node in nodes if labels_of(node).get(POOL) == text_at(pool, "name")]
        found += [_of_gke(pool, node) for node in of_pool or [None]]
    return found


def _of_gke(pool: Json, node: Json) -> Pool:
    """Return a pool with this node. node: None if the pool has no nodes."""
    name, config = text_at(pool, "name"), dict_at(pool, "config")
    counts = [int_at(pool, "autoscaling", key) for key in ("maxNodeCount", "totalMaxNodeCount")]
    return Pool(
        name=name,
        labels={**_implied(name, config), **_texts(config.get("labels")), **(labels_of(node) if node else {})},
        taints=tuple(_taints(list_at(config, "taints"))),
        room=amounts(at(node, "status", "allocatable")) if node else None,
        most=max(*counts, int_at(pool, "initialNodeCount"), 1 if node else 0),
        extended=_accelerators(config),
    )


def of_nodes(nodes: Iterable[Json]) -> list[Pool]:
    """Return each node as a separate pool, for a cluster whose node pools are not known."""
    return [
        Pool(
            name=text_at(node, "metadata", "name"),
            labels=labels_of(node),
            taints=(
                *_taints(list_at(node, "spec", "taints")),
                *([CORDON] if at(node, "spec", "unschedulable") else []),
            ),
            room=amounts(at(node, "status", "allocatable")),
        )
        for node in nodes
    ]


def evaluate(pools: list[Pool], pods: Mapping[str, Json], cluster: Json) -> list[Finding]:
    """Return the findings which Pods find a node.

    pods: spec by profile, with defaults; cluster: from the GKE API, None if not known
    """
    makes_nodes = bool(at(cluster, "autopilot", "enabled") or at(cluster, "autoscaling", "enableNodeAutoprovisioning"))
    fitting: dict[str, str] = {}
    unclear: dict[str, str] = {}
    without: dict[str, list[str]] = {}
    for what, pod in pods.items():
        fit = next((pool for pool in pools if not obstacle(pool, pod)), None)
        if fit is not None:
            is_known = fit.room is not None or not set(requests(pod)) - {GPU, TPU}
            where = fit.name if is_known else f"{fit.name} (size not known, it has no node)"
        elif name := text_at(pod, "nodeSelector", CLASS):
            where = f"ComputeClass {name} (not checked)"
        elif makes_nodes:
            where = "nodes that GKE creates"
        else:
            without.setdefault(_nearest(pools, pod), []).append(what)
            continue
        if rules := list(unchecked_rules(pod)):
            unclear[what] = f"{where}, except for {' and '.join(rules)}"
        else:
            fitting[what] = where
    findings = []
    if fitting:
        findings.append(ok("nodes", _listed(fitting)))
    if unclear:
        found = f"not known, because not all fields of the Pod are checked: {_listed(unclear)}"
        findings.append(warning("nodes", found, "compare it with: kubectl get nodes --show-labels"))
    if without:
        reasons = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in without.items())
        found = f"no node pool for {reasons}"
        if not cluster:
            found = f"no node for {reasons}; {ONLY_NODES}"
        fix = (
            "create a node pool with such machines: gcloud container node-pools create; or check the profiles in use: "
            "--profile"
        )
        findings.append(warning("nodes", found, fix))
    return findings


def _listed(places: Mapping[str, str]) -> str:
    return ", ".join(f"{what}: {where}" for what, where in places.items())


def unchecked_rules(pod: Json) -> Iterator[str]:
    """Yield the scheduling rules of a Pod that are not checked here: expressions, other Pods, claimed devices."""
    for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity"):
        if at(pod, "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution"):
            yield kind
    if any(text_at(one, "whenUnsatisfiable") != "ScheduleAnyway" for one in list_at(pod, "topologySpreadConstraints")):
        yield "topologySpreadConstraints"
    yield from (field for field in ("nodeName", "resourceClaims") if at(pod, field))


def _nearest(pools: list[Pool], pod: Json) -> str:
    """Return why the pool with the smallest obstacle takes no Pod: size before taint before label."""
    obstacles = [found for pool in pools if (found := obstacle(pool, pod))]
    best = max(obstacles, key=lambda found: found[0], default=(0, "there is none"))
    return best[1]


def obstacle(pool: Pool, pod: Json) -> tuple[int, str] | None:
    """Return why a pool takes no such Pod, with the stage of the check; None if it does."""
    if pool.most < 1:
        return 0, "no pool can have nodes"
    for label, value in _texts(at(pod, "nodeSelector")).items():
        if pool.labels.get(label) != value:
            return 0, f"no label {label}={value}"
    tolerations = [*list_at(pod, "tolerations"), *(_of_gke_admission(pod) if POOL in pool.labels else ())]
    for taint in pool.taints:
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            return 1, f"the Pod does not tolerate the taint {taint[0]}={taint[1]}:{taint[2]} of {pool.name}"
    room = pool.extended if pool.room is None else pool.room
    for name, number in requests(pod).items():
        has = room.get(name)
        if has is None and pool.room is None and name not in (GPU, TPU):
            continue  # the size is known only from an existing node
        if (has or Decimal(0)) < number:
            size = format_amount(has or Decimal(0))
            return 2, f"a node of {pool.name} has {size} {name}, less than {format_amount(number)}"
    return None


def _of_gke_admission(pod: Json) -> Iterator[Json]:
    """Yield the tolerations that the admission plugin ExtendedResourceToleration of GKE adds for GPUs and the like."""
    for name in requests(pod):
        if "/" in name and "kubernetes.io/" not in name:
            yield {"key": name, "operator": "Exists", "effect": "NoSchedule"}


def _tolerates(toleration: Json, taint: Taint) -> bool:
    key, value, effect = taint
    if text_at(toleration, "effect") not in ("", effect):
        return False
    if text_at(toleration, "operator") == "Exists":
        return text_at(toleration, "key") in ("", key)
    return text_at(toleration, "key") == key and text_at(toleration, "value") == value


def _implied(name: str, config: Json) -> dict[str, str]:
    """Return the labels that GKE sets on the nodes of a pool."""
    found = {POOL: name, "node.kubernetes.io/instance-type": text_at(config, "machineType")}
    if at(config, "spot"):
        found[f"{GKE}gke-spot"] = "true"
    if at(config, "flexStart"):
        found[f"{GKE}gke-flex-start"] = "true"
    if at(config, "ephemeralStorageLocalSsdConfig") or at(config, "ephemeralStorageConfig"):
        found[f"{GKE}gke-ephemeral-storage-local-ssd"] = "true"
    for accelerator in list_at(config, "accelerators"):
        found[f"{GKE}gke-accelerator"] = text_at(accelerator, "acceleratorType")
    return found


def _accelerators(config: Json) -> Amounts:
    counts = [count_at(accelerator, "acceleratorCount") for accelerator in list_at(config, "accelerators")]
    return amounts({GPU: sum(counts)}) if counts else {}


def _taints(taints: list[Json]) -> Iterator[Taint]:
    """Yield the taints that repel Pods, from a node or from the GKE API, which names the effects differently."""
    for taint in taints:
        effect = text_at(taint, "effect")
        effect = EFFECTS.get(effect, effect)
        if effect in EFFECTS.values():
            yield text_at(taint, "key"), text_at(taint, "value"), effect


def labels_of(node: Json) -> dict[str, str]:
    """Return the labels of a node."""
    return _texts(at(node, "metadata", "labels"))


def _texts(mapping: Json) -> dict[str, str]:
    return {key: value for key, value in mapping.items() if isinstance(value, str)} if isinstance(mapping, dict) else {}
