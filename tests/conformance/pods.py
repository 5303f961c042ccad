"""The Pods of Jobs of the shipped templates, for access.bats: with each profile, and with each template.

python pods.py             prints them, as JSON; their names say template and profile
python pods.py --compare   reads what the API server makes of them, and fails where a container asks for something else

PYTHONPATH holds scripts/lib.
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
SLICE = "tpu-v5e-16"  # four Pods, which only distributed-job can have


def pod(template: str, profile: str) -> dict[str, Any]:
    """The Pod that Kubernetes makes from the Job of a template."""
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
    """A Pod of batch-job for each profile, and of each other template for one."""
    profiles = yaml.safe_load((TEMPLATES / "profiles.yaml").read_text())["profiles"]
    chosen = [("batch-job", profile) for profile in profiles if profile != SLICE]
    chosen += [("indexed-job", REPRESENTATIVE), ("distributed-job", REPRESENTATIVE), ("distributed-job", SLICE)]
    return [pod(*one) for one in chosen]


def resources(one: dict[str, Any]) -> list[Any]:
    """What each container asks for; a request that is not there is the limit, as Kubernetes has it."""
    asked = [container["resources"] for container in one["spec"]["containers"]]
    return [{**each, "requests": {**each.get("limits", {}), **each.get("requests", {})}} for each in asked]


def main() -> None:
    """Print the Pods, or compare."""
    if "--compare" not in sys.argv:
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": pods()}))
        return
    text, decoder, admitted = sys.stdin.read().strip(), json.JSONDecoder(), {}
    while text:
        found, end = decoder.raw_decode(text)
        text = text[end:].strip()
        for one in found.get("items", [found]):
            admitted[one["metadata"]["name"]] = one
    for asked in pods():
        name = asked["metadata"]["name"]
        if resources(asked) != resources(admitted[name]):
            sys.exit(f"{name} asks for {resources(asked)}, and gets {resources(admitted[name])}")


if __name__ == "__main__":
    main()
