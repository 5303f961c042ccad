from __future__ import annotations

import pytest

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.size_limits import ANNOTATIONS_BYTES, CONFIG_MAP_BYTES, OBJECT_BYTES, refuse_too_large


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
        RenderError, match=rf"^t: {path}.annotations of Job has 262145 bytes, more than the maximum of 262144; write"
    ) as error:
        refuse_too_large(job(**{where: {"a": "x" * half, "b": "é" * (half // 2 - 1) + "x"}}), "t")
    assert error.value.status == 65


def test_an_object_that_is_too_large_for_any_cluster_is_refused():
    refuse_too_large(job(text="x" * (OBJECT_BYTES - 200)), "t")
    with pytest.raises(
        RenderError, match=r"^t: Job has 15\d{5} bytes, more than the maximum of 1500000; .*object storage"
    ) as error:
        refuse_too_large(job(text="é" * (OBJECT_BYTES // 2)), "t")
    assert error.value.status == 65


def test_the_data_of_a_config_map_have_their_own_limit():
    def config_map(size):
        return {"kind": "ConfigMap", "metadata": {}, "data": {"a": "x" * (size - 1)}}

    refuse_too_large(config_map(CONFIG_MAP_BYTES), "t")
    with pytest.raises(
        RenderError, match=r"^t: data of ConfigMap has 1048577 bytes, more than the maximum of 1048576; write"
    ):
        refuse_too_large(config_map(CONFIG_MAP_BYTES + 1), "t")
