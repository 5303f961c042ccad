"""Which profiles find a node: in a node pool of GKE, as the GKE API describes it, and on the nodes that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gke_jobs.json_access import Json, at, count_at, dict_at, int_at, list_at, text_at
from gke_jobs.preflight.finding import Finding, ok, warning
from gke_jobs.preflight.quantities import Amounts, amounts, requests, words

GKE = "cloud.google.com/"
POOL, CLASS = f"{GKE}gke-nodepool", f"{GKE}compute-class"
GPU = "nvidia.com/gpu"
EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute"}
Taint = tuple[str, str, str]  # key, value, effect


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A kind of node. room: allocatable of one node, None where there is none to see; most: nodes it can have."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...] = ()
    room: Amounts | None = None
    most: int = 1
    extended: Amounts = field(default_factory=dict)  # GPUs, known without a node


def of_cluster(cluster: Json, nodes: list[Json]) -> list[Pool]:
    """Return the node pools of a cluster as the GKE API describes it; room from one of their nodes."""
    found = []
    for pool in list_at(cluster, "nodePools"):
        name, config = text_at(pool, "name"), dict_at(pool, "config")
        node = next((node for node in nodes if _labels(node).get(POOL) == name), None)
        counts = [int_at(pool, "autoscaling", key) for key in ("maxNodeCount", "totalMaxNodeCount")]
        found.append(
            Pool(
                name=name,
                labels={**_implied(name, config), **_texts(config.get("labels")), **(_labels(node) if node else {})},
                taints=tuple(_taints(list_at(config, "taints"))),
                room=amounts(at(node, "status", "allocatable")) if node else None,
                most=max(*counts, int_at(pool, "initialNodeCount"), 1 if node else 0),
                extended=_accelerators(config),
            )
        )
    return found


def of_nodes(nodes: list[Json]) -> list[Pool]:
    """Return each node as a pool of its own, for a cluster whose node pools are not known."""
    return [
        Pool(
            name=text_at(node, "metadata", "name"),
            labels=_labels(node),
            taints=tuple(_taints(list_at(node, "spec", "taints"))),
            room=amounts(at(node, "status", "allocatable")),
        )
        for node in nodes
    ]


def judge(pools: list[Pool], pods: Mapping[str, Json], cluster: Json) -> list[Finding]:
    """Return which Pods find a node. pods: spec by profile; cluster: as the GKE API describes it, None if not known."""
    makes_nodes = bool(at(cluster, "autopilot", "enabled") or at(cluster, "autoscaling", "enableNodeAutoprovisioning"))
    fitting: dict[str, str] = {}
    without: dict[str, list[str]] = {}
    for what, pod in pods.items():
        fit = next((pool for pool in pools if not obstacle(pool, pod)), None)
        if fit is not None:
            is_known = fit.room is not None or not set(requests(pod)) - {GPU, "google.com/tpu"}
            fitting[what] = fit.name if is_known else f"{fit.name} (size not known, it has no node)"
        elif name := text_at(pod, "nodeSelector", CLASS):
            fitting[what] = f"ComputeClass {name} (not checked)"
        elif makes_nodes:
            fitting[what] = "nodes that GKE creates"
        else:
            without.setdefault(_nearest(pools, pod), []).append(what)
    findings = []
    if fitting:
        findings.append(ok("nodes", ", ".join(f"{what}: {where}" for what, where in fitting.items())))
    if without:
        kind = "node pool" if cluster else "node"
        reasons = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in without.items())
        fix = (
            "create a node pool with such machines: gcloud container node-pools create; or check the profiles in use: "
            "--profile"
        )
        findings.append(warning("nodes", f"no {kind} for {reasons}", fix))
    return findings


def _nearest(pools: list[Pool], pod: Json) -> str:
    """Return why the pool with the smallest obstacle takes no Pod: size before taint before label."""
    obstacles = [found for pool in pools if (found := obstacle(pool, pod))]
    best = max(obstacles, key=lambda found: found[0], default=(0, "there is none"))
    return best[1]


def obstacle(pool: Pool, pod: Json) -> tuple[int, str] | None:
    """Return why a pool takes no such Pod, with how far it came; None when it does."""
    if pool.most < 1:
        return 0, "no pool can have nodes"
    for label, value in _texts(at(pod, "nodeSelector")).items():
        if pool.labels.get(label) != value:
            return 0, f"no label {label}={value}"
    tolerations = list_at(pod, "tolerations")
    for taint in pool.taints:
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            return 1, f"the Pod does not tolerate the taint {taint[0]}={taint[1]}:{taint[2]} of {pool.name}"
    room = pool.extended if pool.room is None else pool.room
    for name, number in requests(pod).items():
        has = room.get(name)
        if has is None and pool.room is None and name not in (GPU, "google.com/tpu"):
            continue  # the size of a machine is known when there is one
        if (has or Decimal(0)) < number:
            return 2, f"a node of {pool.name} has {words(has or Decimal(0))} {name}, less than {words(number)}"
    return None


def _tolerates(toleration: Json, taint: Taint) -> bool:
    key, value, effect = taint
    if text_at(toleration, "effect") not in ("", effect):
        return False
    if text_at(toleration, "operator") == "Exists":
        return text_at(toleration, "key") in ("", key)
    return text_at(toleration, "key") == key and text_at(toleration, "value") == value


def _implied(name: str, config: Json) -> dict[str, str]:
    """Return the labels that GKE gives the nodes of a pool by itself."""
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
    """Yield the taints that keep Pods away, of a node or of the GKE API, which has other names of the effects."""
    for taint in taints:
        effect = text_at(taint, "effect")
        effect = EFFECTS.get(effect, effect)
        if effect in EFFECTS.values():
            yield text_at(taint, "key"), text_at(taint, "value"), effect


def _labels(node: Json) -> dict[str, str]:
    return _texts(at(node, "metadata", "labels"))


def _texts(mapping: Json) -> dict[str, str]:
    return {key: value for key, value in mapping.items() if isinstance(value, str)} if isinstance(mapping, dict) else {}
