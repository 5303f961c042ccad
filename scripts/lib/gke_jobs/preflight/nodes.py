"""Reads the kinds of nodes of a cluster: one of equal nodes, with the fields for the checks. There may be thousands."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from urllib.parse import urlencode

from gke_jobs.json_access import Json, at, list_at, text_at
from gke_jobs.preflight.pools import labels_of
from gke_jobs.preflight.programs import Kubectl

NODES = "/api/v1/nodes"
PAGE = 250  # nodes of 5 to 20 KiB each, mostly names of images


def read(kubectl: Kubectl, labels: Collection[str]) -> list[Json]:
    """Return the first node of each kind. ApiError if not all nodes can be read.

    labels: the keys that distinguish kinds; others are left out
    """
    kinds: dict[str, Json] = {}
    for node in _all(kubectl, labels):
        kinds.setdefault(json.dumps({**node, "metadata": labels_of(node)}, sort_keys=True), node)
    return list(kinds.values())


def _all(kubectl: Kubectl, labels: Collection[str]) -> Iterator[Json]:
    """Yield the needed fields of each node. The others are dropped node by node, while a page is parsed."""

    def keep(found: dict[str, Json]) -> Json:
        if not isinstance(found.get("metadata"), dict) or not isinstance(found.get("status"), dict):
            return found  # a part of a node, or the whole list
        kept = {key: value for key, value in labels_of(found).items() if key in labels}
        return {
            "metadata": {"name": text_at(found, "metadata", "name"), "labels": kept},
            "spec": {key: at(found, "spec", key) for key in ("taints", "unschedulable")},
            "status": {"allocatable": at(found, "status", "allocatable")},
        }

    query = {"limit": str(PAGE)}
    while True:
        page = kubectl.get(f"{NODES}?{urlencode(query)}", keep)
        yield from list_at(page, "items")
        query["continue"] = text_at(page, "metadata", "continue")
        if not query["continue"]:
            return
