from __future__ import annotations

import re

import kubernetes_validate
import pytest
import yaml
from golden import REQUIRED, manifest, options

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.validation import validate_offline

JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
POD = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
PLACES = [("Job", ["spec", "backoffLimit"], "mine.yaml.j2 line 4")]


def job(**spec):
    return {**JOB, "spec": {"template": {"spec": POD}, **spec}}


def refusal(document, version=None) -> RenderError:
    with pytest.raises(RenderError) as error:
        validate_offline(document, version, PLACES)
    return error.value


@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("template", REQUIRED)
def test_manifests_of_the_shipped_templates_are_valid(template, version):
    for text in (manifest(template, {}), manifest(template, options(template), "gpu-l4-spot")):
        for document in yaml.safe_load_all(text):
            validate_offline(document, version, [])


def test_a_wrong_type_is_refused_with_the_message_of_the_schema_and_the_line_of_the_template():
    error = refusal(job(backoffLimit="two"), "1.33")
    assert str(error) == (
        "invalid Job of Kubernetes 1.33: spec.backoffLimit: 'two' is not of type 'integer', 'null'; "
        "correct the template or its values: spec.backoffLimit is in mine.yaml.j2 line 4"
    )
    assert error.status == 65


def test_an_unknown_field_is_refused_with_its_path():
    error = refusal(job(backofLimit=2))
    assert ": spec: Additional properties are not allowed ('backofLimit' was unexpected); " in str(error)
    assert str(error).endswith("; correct the template or its values")


def test_an_unknown_kind_is_refused():
    error = refusal({**JOB, "kind": "Jop"})
    assert str(error).startswith("invalid manifest: Couldn't find schema for kind Jop")
    assert str(error).endswith("; correct apiVersion and kind")
    assert error.status == 65


@pytest.mark.parametrize("version", ["9.9", "1.2", "new"])
def test_a_version_without_a_schema_is_a_usage_error(version):
    error = refusal(job(), version)
    what = rf"kubernetes-validate [0-9.]+ has no schema of Kubernetes {version}"
    assert re.match(f"{what}; use a version up to ", str(error))
    assert error.status == 64
