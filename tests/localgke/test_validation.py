import pytest

from localgke.errors import ApiError
from localgke.resources import BY_KIND
from localgke.validation import Findings, check_metadata

JOB = BY_KIND["batch/v1", "Job"]


def problem(metadata, resource=JOB):
    findings = Findings(resource, {"metadata": metadata})
    check_metadata(findings, metadata, resource)
    with pytest.raises(ApiError) as caught:
        findings.raise_any()
    assert caught.value.reason == "Invalid"
    return caught.value


def test_all_findings_are_reported_at_once_each_with_its_field():
    error = problem({"name": "A", "labels": {"a": "b c"}})
    assert error.message.startswith(
        'Job.batch "A" is invalid: [metadata.name: Invalid value: "A": a lowercase RFC 1123'
    )
    assert [cause["field"] for cause in error.details["causes"]] == ["metadata.name", "metadata.labels"]
    assert error.details["kind"] == "Job"


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "metadata.name: Required value: name or generateName is required"),
        ({"name": "a" * 254}, "must be no more than 253 bytes"),
        ({"name": "a", "labels": {"a": "b" * 64}}, "must be no more than 63 bytes"),
        ({"name": "a", "labels": {"a/b/c": "d"}}, "name part must consist of"),
        ({"name": "a", "annotations": {"-": "d"}}, "name part must consist of"),
        ({"name": "a", "annotations": {"a": "b" * 262144}}, "Too long: may not be more than 262144 bytes"),
    ],
)
def test_metadata_that_kubernetes_refuses_is_invalid(metadata, said):
    assert said in problem(metadata).message


def test_the_name_of_a_service_holds_no_dots():
    assert "a lowercase RFC 1123 label" in problem({"name": "a.b"}, BY_KIND["v1", "Service"]).message


def test_good_metadata_raises_nothing():
    metadata = {
        "name": "a.b-1",
        "labels": {"gke-job/identity": "0a1b2c3d4e5f", "empty": ""},
        "annotations": {"Gke-Job/dag_id": "any text: {{ }}\n"},
    }
    findings = Findings(JOB, {"metadata": metadata})
    check_metadata(findings, metadata, JOB)
    findings.raise_any()
