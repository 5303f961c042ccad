"""Imitates how the Job controller makes Pods from a Job's template, and how it classifies them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from itertools import groupby

from localgke.objects import TERMINAL, is_true
from localgke.pod_admission import complete_pod
from localgke.store import MAX_GENERATED_BASE, Object

FINALIZER = "batch.kubernetes.io/job-tracking"  # on a Pod until it is counted in the status of its Job
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"  # on a Pod: how often its index failed before
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


def new_pod(job: Object, index: int | None, failures: int = 0) -> Object:
    """Returns a Pod from the Job's template, for a completion index with its number of failures, or without one."""
    meta, template = job["metadata"], copy.deepcopy(job["spec"]["template"])
    pod_meta, spec = template.setdefault("metadata", {}), template["spec"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    pod_meta["namespace"] = meta["namespace"]
    pod_meta["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": True}]
    pod_meta["finalizers"] = list(dict.fromkeys([*pod_meta.get("finalizers", []), FINALIZER]))
    pod_meta["generateName"] = f"{meta['name']}-"
    if index is not None:
        pod_meta["generateName"] = meta["name"][: MAX_GENERATED_BASE - len(f"-{index}-")] + f"-{index}-"
        for key in ("labels", "annotations"):
            pod_meta.setdefault(key, {})[INDEX] = str(index)
        if "backoffLimitPerIndex" in job["spec"]:
            pod_meta["annotations"][INDEX_FAILURES] = str(failures)
        spec["hostname"] = f"{meta['name']}-{index}"
        source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
        for container in spec["containers"]:
            variables = container.setdefault("env", [])
            if INDEX_VARIABLE not in [variable["name"] for variable in variables]:
                variables.append({"name": INDEX_VARIABLE, "valueFrom": source})
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    complete_pod(pod)
    return pod


def index_of(pod: Object) -> int:
    """Returns the completion index of a Pod of an Indexed Job, -1 if the annotation is invalid."""
    return _number(pod, INDEX, -1)


def index_failures(pod: Object) -> int:
    """Returns how often the completion index of a Pod failed before this Pod."""
    return _number(pod, INDEX_FAILURES, 0)


def _number(pod: Object, annotation: str, default: int) -> int:
    text = pod["metadata"].get("annotations", {}).get(annotation, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else default


def is_indexed(job: Object) -> bool:
    """Returns whether each Pod of the Job has an index."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def replaces_only_failed(job: Object) -> bool:
    """Returns whether a Pod that is being deleted counts, and is replaced, only after it has ended."""
    return job["spec"].get("podReplacementPolicy") == "Failed" or "podFailurePolicy" in job["spec"]


def has_failed(job: Object, pod: Object) -> bool:
    """Returns whether the Pod is a failure for the Job by now."""
    phase, deleted = pod["status"]["phase"], "deletionTimestamp" in pod["metadata"]
    return phase == "Failed" or (deleted and phase != "Succeeded" and not replaces_only_failed(job))


def is_terminating(pod: Object) -> bool:
    """Returns whether the Pod is being deleted and has not ended."""
    return "deletionTimestamp" in pod["metadata"] and pod["status"]["phase"] not in TERMINAL


def is_uncounted(pod: Object) -> bool:
    """Returns whether the status of the Job does not count the Pod yet."""
    return FINALIZER in pod["metadata"].get("finalizers", [])


def restarts(pod: Object) -> int:
    """Returns the sum of the restarts of a Pod's containers."""
    return sum(item["restartCount"] for item in pod["status"].get("containerStatuses", []))


def by_value(pods: Iterable[Object]) -> list[Object]:
    """Returns active Pods, the least valuable first: without a node, pending, not ready, restarted, new."""
    newest_first = sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)

    def value(pod: Object) -> tuple[bool, bool, bool, int]:
        return "nodeName" in pod["spec"], pod["status"]["phase"] == "Running", is_true(pod, "Ready"), -restarts(pod)

    return sorted(newest_first, key=value)


def format_indexes(indexes: Iterable[int]) -> str:
    """{1, 3, 4, 5} -> `1,3-5`; only three or more in a row become a range."""
    parts: list[str] = []
    for _, group in groupby(enumerate(sorted(indexes)), lambda pair: pair[1] - pair[0]):
        run = [index for _, index in group]
        parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(index) for index in run]
    return ",".join(parts)


def parse_indexes(text: str) -> Iterator[int]:
    """`1,3-5` -> 1, 3, 4, 5."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
