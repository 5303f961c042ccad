import pytest

from localgke.pod_admission import complete_pod
from localgke.test_admission import admit
from localgke.test_decoding import job

TWO = {"cpu": "2", "memory": "1Gi"}


def pod(*resources, **spec):
    containers = [{"name": f"c{i}", "resources": dict(item)} for i, item in enumerate(resources)]
    made = {"spec": {"containers": containers, **spec}}
    complete_pod(made)
    return made


def test_a_limit_sets_the_request_of_a_pod_but_not_of_a_template():
    resources = {"limits": TWO, "requests": {"cpu": "1"}}
    assert pod(resources)["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    template = admit(job({"resources": resources}))["spec"]["template"]["spec"]
    assert template["containers"][0]["resources"] == resources


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ([{}], "BestEffort"),
        ([{"limits": {"nvidia.com/gpu": "1"}}], "BestEffort"),
        ([{"limits": TWO}], "Guaranteed"),
        ([{"limits": TWO, "requests": {"cpu": "2000m", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": TWO, "requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": TWO}, {}], "Burstable"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
    ],
)
def test_the_quality_of_service_follows_from_requests_and_limits(resources, quality):
    assert pod(*resources)["status"] == {"phase": "Pending", "qosClass": quality}


def test_a_pod_gets_default_tolerations_for_an_outage_of_its_node():
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    made = pod({}, tolerations=[own])["spec"]["tolerations"]
    assert [(item["key"], item["tolerationSeconds"]) for item in made] == [
        ("node.kubernetes.io/not-ready", 1),
        ("node.kubernetes.io/unreachable", 300),
    ]
    anything = [{"operator": "Exists"}]
    assert pod({}, tolerations=anything)["spec"]["tolerations"] == anything
