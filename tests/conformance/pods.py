"""The Pods of the shipped templates with each profile, for access.bats.

python pods.py             prints the Pods as JSON; their names consist of template and profile
python pods.py --compare   reads the admitted Pods from stdin, and fails if the resources of a container have changed

PYTHONPATH must contain scripts/lib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from gke_jobs.rendering.rendering import render

TEMPLATES = Path(__file__).parents[2] / "templates"
VALUES: dict[str, dict[str, Any]] = {
    "batch-job": {},
    "indexed-job": {"items": [1]},
    "distributed-job": {"nodes": 4, "scratch": "1Gi", "shared_memory": "64Mi"},
}
REPRESENTATIVE = "gpu-l4"
SLICE = "tpu-v5e-16"  # needs four Pods, so only distributed-job supports it


def pod(template: str, profile: str) -> dict[str, Any]:
    """Return the Pod that Kubernetes makes from the Job of a template."""
    values = {"image": "busybox:1.37", "service_account": "gke-job", **VALUES[template]}
    manifest = render(
        template=template,
        values=None,
        profile=profile,
        name="job",
        namespace=None,
        templates=TEMPLATES,
        environ={"GKE_JOB_VALUES": json.dumps(values)},
    )
    job = next(yaml.safe_load_all(manifest))
    metadata = {**job["spec"]["template"]["metadata"], "name": f"{template}-{profile}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": job["spec"]["template"]["spec"]}


def pods() -> list[dict[str, Any]]:
    """Return a Pod of batch-job for each profile, and of each other template for one profile."""
    profiles = yaml.safe_load((TEMPLATES / "profiles.yaml").read_text())["profiles"]
    chosen = [("batch-job", profile) for profile in profiles if profile != SLICE]
    chosen += [("indexed-job", REPRESENTATIVE), ("distributed-job", REPRESENTATIVE), ("distributed-job", SLICE)]
    return [pod(*one) for one in chosen]


def resources(one: dict[str, Any]) -> list[Any]:
    """Return the resources of each container, with limits as default requests, as in Kubernetes."""
    found = [container["resources"] for container in one["spec"]["containers"]]
    return [{**each, "requests": {**each.get("limits", {}), **each.get("requests", {})}} for each in found]


def main() -> None:
    """Print or compare the Pods."""
    if "--compare" not in sys.argv:
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": pods()}))
        return
    text, decoder, admitted = sys.stdin.read().strip(), json.JSONDecoder(), {}
    while text:
        found, end = decoder.raw_decode(text)
        text = text[end:].strip()
        for one in found.get("items", [found]):
            admitted[one["metadata"]["name"]] = one
    for expected in pods():
        name = expected["metadata"]["name"]
        if resources(expected) != resources(admitted[name]):
            sys.exit(f"{name} has the resources {resources(admitted[name])}, not {resources(expected)}")


if __name__ == "__main__":
    main()
