from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from test_profiles import NAMES

from rendering import render

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"  # each file is what render-job prints as user ada with --name golden
EVERYTHING = {
    "image": "europe-docker.pkg.dev/ml/images/train:1",
    "command": ["python", "/app/train.py"],
    "args": ["--epochs", 3, "--note", "it's $(not) a: reference"],
    "env": {"DATA": "gs://ml/data.csv", "SEED": 1, "DEBUG": False},
    "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
    "node_pool": "pool-of-mine",
    "tolerations": [{"key": "mine", "operator": "Exists"}],
    "retries": 0,
    "deadline_seconds": 3600,
    "ttl_seconds": 60,
    "service_account": "trainer",
    "run_as_user": 1000,
}


def batch_job(values: dict, profile: str | None = None) -> str:
    return render(
        template="batch-job",
        values=None,
        profile=profile,
        name="golden",
        namespace=None,
        templates=ROOT / "templates",
        environ={"GKE_JOB_VALUES": json.dumps(values), "USER": "ada"},
    )


def pod(values: dict, profile: str | None = None) -> dict:
    return yaml.safe_load(batch_job({"image": "busybox", **values}, profile))["spec"]["template"]["spec"]


def golden(name: str) -> str:
    return (GOLDEN / f"batch-job-{name}.yaml").read_text()


@pytest.mark.parametrize("profile", NAMES)
def test_it_renders_each_profile_as_reviewed(profile):
    assert batch_job({"image": "busybox"}, profile) == golden(profile)


def test_it_renders_without_a_profile_as_reviewed():
    assert batch_job({"image": "busybox"}) == golden("minimal")


def test_it_renders_every_value_as_reviewed_before_those_of_the_profile():
    assert batch_job(EVERYTHING, "gpu-l4-spot") == golden("everything")


def test_its_header_documents_exactly_the_values_it_uses():
    text = (ROOT / "templates" / "batch-job.yaml.j2").read_text()
    header = re.findall(r"^# ([a-z_]+)  ", text, re.MULTILINE)
    assert sorted(header) == sorted(set(re.findall(r"values\.([a-z_]+)", text))) == sorted(EVERYTHING)


@pytest.mark.parametrize("name", sorted({*EVERYTHING} - {"image"}))
def test_a_null_value_leaves_its_field_to_kubernetes(name):
    fields = {
        "retries": "backoffLimit",
        "deadline_seconds": "activeDeadlineSeconds",
        "ttl_seconds": "ttlSecondsAfterFinished",
        "service_account": "serviceAccountName",
        "run_as_user": "runAsUser",
        "node_pool": "cloud.google.com",
    }
    text = batch_job({**EVERYTHING, name: None}, "gpu-l4")
    assert f"{fields.get(name, name)}:" not in text
    assert "null" not in text


def test_its_pod_passes_the_restricted_pod_security_standard():
    spec = pod({})
    [container] = spec["containers"]
    seccomp = {"type": "RuntimeDefault"}
    assert spec["securityContext"] == {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": seccomp}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_a_node_pool_by_name_replaces_the_labels_of_the_profile():
    assert pod({"node_pool": "p"}, "gpu-l4")["nodeSelector"] == {"cloud.google.com/gke-nodepool": "p"}
