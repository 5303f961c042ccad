from __future__ import annotations

import pytest
from golden import manifest

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.tpu_slice import check_slice

SELECTOR = {"cloud.google.com/gke-tpu-topology": "4x4"}


def job(selector: object = SELECTOR, chips: object = 4, **spec: object) -> dict:
    container = {"name": "main", "resources": {"limits": {"google.com/tpu": chips}}}
    return {"spec": {**spec, "template": {"spec": {"nodeSelector": selector, "containers": [container]}}}}


@pytest.mark.parametrize(
    ("template", "values", "pods"),
    [
        ("batch-job", {}, "parallelism 1 and completions 1"),
        ("distributed-job", {"nodes": 2}, "parallelism 2 and completions 2"),
        ("indexed-job", {"items": [1, 2, 3, 4], "parallelism": 1}, "parallelism 1 and completions 4"),
    ],
)
def test_a_slice_of_several_machines_without_a_pod_for_each_is_refused(template, values, pods):
    message = (
        f"^{template}.yaml.j2: a TPU slice of topology 4x4 needs a Pod for each of its 4 machines, "
        f"but the Job has {pods}; use the template distributed-job with nodes 4, or a profile"
    )
    with pytest.raises(RenderError, match=message) as error:
        manifest(template, values, "tpu-v5e-16")
    assert error.value.status == 65


@pytest.mark.parametrize(
    "found",
    [
        job(parallelism=4, completions=4),
        job(parallelism=4),
        job(parallelism=0, completions=0),
        job(chips=16),
        job(chips="0"),
        job(chips="many"),
        job({"cloud.google.com/gke-tpu-topology": "large"}),
        job("x"),
        {"spec": {"template": {"spec": {}}}},
    ],
)
def test_the_check_of_tpu_slices_accepts_any_other_job(found):
    check_slice(found, "t")
