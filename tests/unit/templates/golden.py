"""The manifests of the shipped templates, for review: `make golden` writes them, and the tests compare.

For each template golden/TEMPLATE/ holds
  minimal.yaml     the manifest of the values that it requires, and no others
  everything.yaml  that of all values at once
  options.diff     what each value alone changes in minimal.yaml
  profiles.diff    what each profile changes in minimal.yaml
All of it as user ada renders it with --name golden.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import unified_diff
from functools import cache
from pathlib import Path
from typing import Any

from test_profiles import NAMES

from gke_jobs.rendering.rendering import render

TEMPLATES = Path(__file__).parents[3] / "templates"
GOLDEN = Path(__file__).parent / "golden"
REQUIRED: dict[str, dict[str, Any]] = {
    "batch-job": {"image": "busybox"},
    "indexed-job": {"image": "busybox", "items": ["a: $(b)", 3, {"rate": 0.1}]},
    "distributed-job": {"image": "busybox", "nodes": 2},
}
OPTIONS: dict[str, Any] = {
    "command": ["python", "/app/train.py"],
    "args": ["--epochs", 3, "--note", "it's $(not) a: reference"],
    "working_dir": "/app",
    "image_pull_policy": "Always",
    "image_pull_secrets": ["registry-a", "registry-b"],
    "env": {"DATA": "gs://ml/data.csv", "SEED": 1, "DEBUG": False},
    "secret_env": {"TOKEN": {"name": "registry", "key": "token"}},
    "env_from": [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}, "prefix": "KEY_"}],
    "secret_files": {"/etc/keys": "signing-keys", "/etc/more": "more-keys"},
    "config_files": {"/etc/config": "settings"},
    "buckets": {"/data": "ml-data", "/models": "ml-models"},
    "volumes": {
        "/datasets": {"persistentVolumeClaim": {"claimName": "data-sets"}, "readOnly": True, "subPath": "2026"},
        "/tmp": {"emptyDir": {}, "name": "shared"},
    },
    "shared_memory": "8Gi",
    "scratch": "500Gi",
    "scratch_class": "premium-rwo",
    "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
    "node_pool": "pool-of-mine",
    "node_selector": {"disktype": "ssd", "zone-of-mine": 3},
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"team": "vision"}}}
            ]
        }
    },
    "topology_spread": [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"team": "vision"}},
        }
    ],
    "tolerations": [{"key": "mine", "operator": "Exists"}],
    "priority_class": "urgent",
    "runtime_class": "gvisor",
    "queue": "team-queue",
    "deadline_seconds": 3600,
    "termination_grace_seconds": 120,
    "ttl_seconds": 60,
    "no_retry_exit_codes": [65, 2, 65],
    "service_account": "trainer",
    "automount_service_account_token": True,
    "run_as_user": 1000,
    "labels": {"team": "vision", "cost-center": 42},
    "annotations": {"note": "a: b"},
    "host_aliases": {"10.0.0.5": ["db.internal", "db"]},
    "init_containers": [{"name": "fetch", "image": "busybox", "command": ["sh", "-c", "echo $(HOME)"]}],
    "sidecars": [{"name": "proxy", "image": "proxy:1", "securityContext": {"runAsUser": 2000}}],
    "container": {"env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}], "stdin": True},
    "pod": {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.10"]}, "enableServiceLinks": False},
    "retries": 5,
}
MACHINES = {"tpu-v5e-16": 4, "tpu-v5e-16-spot": 4}  # machines of a slice, each of which needs a Pod
OWN_OPTIONS: dict[str, dict[str, Any]] = {
    "batch-job": {},
    "indexed-job": {"parallelism": 2, "max_failed_items": 1},
    "distributed-job": {"processes_per_node": 8, "master_port": 1234},
}


def manifest(template: str, values: Mapping[str, Any], profile: str | None = None) -> str:
    """The output of render-job for `values` and the required values of the template."""
    return _render(template, json.dumps({**REQUIRED[template], **values}), profile)


@cache
def _render(template: str, values: str, profile: str | None) -> str:
    return render(
        template=template,
        values=None,
        profile=profile,
        name="golden",
        namespace=None,
        templates=TEMPLATES,
        environ={"GKE_JOB_VALUES": values, "USER": "ada"},
    )


def options(template: str) -> dict[str, Any]:
    """Every optional value of the template."""
    return OPTIONS | OWN_OPTIONS[template]


def golden_files(template: str) -> dict[str, str]:
    """The content of each file of golden/TEMPLATE/ by its name."""
    given = options(template)
    base = {"scratch_class": {"scratch": given["scratch"]}}  # the only option that needs another one to have an effect
    return {
        "minimal.yaml": manifest(template, {}),
        "everything.yaml": manifest(template, given, "gpu-l4-spot"),
        "options.diff": "".join(
            _change(template, {name: value}, base.get(name, {}), f"{name}: {json.dumps(value)}")
            for name, value in given.items()
        ),
        "profiles.diff": "".join(
            _change(template, {}, {"nodes": MACHINES[name]} if name in MACHINES else {}, name, name)
            for name in NAMES
            if name not in MACHINES or template == "distributed-job"
        ),
    }


def _change(
    template: str, values: Mapping[str, Any], base: Mapping[str, Any], title: str, profile: str | None = None
) -> str:
    """The changes of `values` and `profile` to the manifest of `base`, without the hash, which always changes."""
    before, after = manifest(template, base), manifest(template, {**base, **values}, profile)
    lines = list(unified_diff(_lines(before), _lines(after), n=2, lineterm=""))[2:]
    return f"=== {title}\n" + "".join(f"{'@@' if line.startswith('@@') else line.rstrip()}\n" for line in lines)


def _lines(text: str) -> Iterable[str]:
    return [line for line in text.splitlines() if "gke-job/manifest-hash" not in line]


def main() -> None:
    for template in REQUIRED:
        files = golden_files(template)  # before the old files are removed, because it may fail
        directory = GOLDEN / template
        directory.mkdir(parents=True, exist_ok=True)
        for file in directory.iterdir():
            file.unlink()
        for name, content in files.items():
            (directory / name).write_text(content)


if __name__ == "__main__":
    main()
