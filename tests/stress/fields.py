"""The text fields of the objects of a Job, as the API server returns them, and patches that write into one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Step = str | int
OWN = "strings.example.com"  # the prefix of labels and annotations of this run
# Fields that an object may lack.
OPTIONAL: dict[str, list[tuple[Step, ...]]] = {
    "Job": [
        *(("metadata", "annotations", key) for key in (f"{OWN}/note", "gke-job/gang", "gke-job/profile")),
        *(("metadata", "labels", key) for key in (f"{OWN}/note", "kueue.x-k8s.io/queue-name")),
    ],
    "Pod": [
        ("metadata", "annotations", f"{OWN}/note"),
        ("metadata", "annotations", "kubectl.kubernetes.io/default-container"),
        ("metadata", "annotations", "batch.kubernetes.io/job-completion-index"),
        ("metadata", "labels", f"{OWN}/note"),
        *(("status", key) for key in ("message", "reason", "nominatedNodeName", "hostIP", "podIP", "resize")),
    ],
    "Event": [
        *(("metadata", "annotations", f"{OWN}/note"), ("metadata", "labels", f"{OWN}/note")),
        *((key,) for key in ("action", "reportingComponent", "reportingInstance", "eventTime")),
        *(("source", key) for key in ("component", "host")),
        *(("involvedObject", key) for key in ("fieldPath", "resourceVersion")),
        *(
            ("related", key)
            for key in ("kind", "name", "namespace", "uid", "apiVersion", "resourceVersion", "fieldPath")
        ),
        ("series", "lastObservedTime"),
    ],
    "ConfigMap": [("data", "text"), ("metadata", "annotations", f"{OWN}/note"), ("metadata", "labels", f"{OWN}/note")],
    "Node": [("metadata", "annotations", f"{OWN}/note"), ("metadata", "labels", f"{OWN}/note")],
}
# Fields that each element of these lists may lack.
OPTIONAL_IN_LISTS = {"conditions": ("message", "reason"), "containerStatuses": ("imageID", "containerID")}
OPTIONAL_IN_STATES = {"waiting": ("reason", "message"), "terminated": ("reason", "containerID")}
# These fields decide the outcome of a Job; they are not merely text.
DECIDING = re.compile(
    r"metadata\.(finalizers|ownerReferences|deletion).*"
    r"|status\.phase|status\.conditions\[\]\.(type|status)|status\.(init)?[cC]ontainerStatuses\[\]\.name"
    r"|status\.(uncountedTerminatedPods|completedIndexes|failedIndexes).*"
    r"|spec\.(initC|c)ontainers\[\]\.image"  # the kubelet starts the container anew
)
SELECTING = re.compile(r"metadata\.labels\.(batch\.kubernetes\.io/)?(controller-uid|job-name)")  # of a Pod
OF_NODE = re.compile(rf"metadata\.(labels|annotations)\.{OWN}/.*|status\.conditions\[\]\.(message|reason)")


@dataclass(frozen=True)
class Field:
    """A text field of one object."""

    kind: str
    path: tuple[Step, ...]

    @property
    def name(self) -> str:
        """Return the name of the field in all objects of its kind."""
        words = ["[]" if isinstance(step, int) else f".{step}" for step in self.path]
        return "".join(words).removeprefix(".")

    @property
    def key(self) -> str:
        """Return the last step that is a name."""
        return [step for step in self.path if isinstance(step, str)][-1]

    @property
    def subresource(self) -> str:
        """Return the subresource that a patch of the field must be sent to."""
        return "/status" if self.path[0] == "status" else ""

    def patch(self, text: str) -> tuple[str, Any]:
        """Return the content type and the body of a patch that writes text into the field."""
        if any(isinstance(step, int) for step in self.path):
            pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in self.path)
            return "application/json-patch+json", [{"op": "add", "path": pointer, "value": text}]
        return "application/merge-patch+json", self.within({}, text)

    def within(self, item: dict[str, Any], text: str) -> dict[str, Any]:
        """Write text into the field of an object, which must not be in a list; return the object."""
        inner = item
        for step in self.path[:-1]:
            if not isinstance(inner.get(str(step)), dict):
                inner[str(step)] = {}
            inner = inner[str(step)]
        inner[str(self.path[-1])] = text
        return item

    def value(self, item: Any) -> Any:
        """Return the value of the field, None if the object lacks it."""
        try:
            for step in self.path:
                item = item[step]
        except (KeyError, IndexError, TypeError):
            return None
        return item


def fields(kind: str, item: Any) -> list[Field]:
    """Return the text fields that an object has or may have, without those that decide the outcome."""
    paths: list[tuple[Step, ...]] = [*_leaves(item, ())]
    paths += [path for path in OPTIONAL[kind] if path not in paths]
    return [field for path in paths if _is_text(field := Field(kind, path))]


def _is_text(field: Field) -> bool:
    if field.kind == "Node":
        return bool(OF_NODE.fullmatch(field.name))
    return not (DECIDING.fullmatch(field.name) or (field.kind == "Pod" and SELECTING.fullmatch(field.name)))


def _leaves(item: Any, path: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    if isinstance(item, str):
        yield path
    elif isinstance(item, list):
        for number, one in enumerate(item):
            yield from _leaves(one, (*path, number))
            for key in OPTIONAL_IN_LISTS.get(str(path[-1]), ()) if isinstance(one, dict) else ():
                yield (*path, number, key)
    elif isinstance(item, dict):
        for key, one in item.items():
            yield from _leaves(one, (*path, key))
            for more in (
                OPTIONAL_IN_STATES.get(key, ()) if isinstance(one, dict) and "containerStatuses" in path else ()
            ):
                yield (*path, key, more)
