from __future__ import annotations

import pytest

from limits import ANNOTATIONS_BYTES, OBJECT_BYTES, refuse_too_large
from render_error import RenderError


def job(*, annotations=None, pod_annotations=None, **spec):
    template = {"metadata": {"annotations": pod_annotations or {}}}
    return {"kind": "Job", "metadata": {"annotations": annotations or {}}, "spec": {"template": template, **spec}}


@pytest.mark.parametrize(
    ("where", "path"), [("annotations", "metadata"), ("pod_annotations", "spec.template.metadata")]
)
def test_annotations_that_are_too_large_together_are_refused(where, path):
    half = ANNOTATIONS_BYTES // 2
    refuse_too_large(job(**{where: {"a": "x" * (half - 1), "b": "é" * (half // 2 - 1) + "x"}}), "t")
    with pytest.raises(
        RenderError, match=rf"^{path}.annotations of Job has 262145 bytes, t, 262144 is the most"
    ) as error:
        refuse_too_large(job(**{where: {"a": "x" * half, "b": "é" * (half // 2 - 1) + "x"}}), "t")
    assert error.value.status == 65


def test_an_object_that_no_cluster_stores_is_refused():
    refuse_too_large(job(text="x" * (OBJECT_BYTES - 200)), "t")
    with pytest.raises(RenderError, match=r"Job has 15\d{5} bytes, t, 1500000 is the most .*object storage") as error:
        refuse_too_large(job(text="é" * (OBJECT_BYTES // 2)), "t")
    assert error.value.status == 65


def test_an_object_without_metadata_has_no_annotations():
    refuse_too_large({"kind": "Service"}, "t")
