import pytest

from localgke.errors import ApiError
from localgke.resources import BY_KIND
from localgke.validation import FORMATS, Findings

JOB = BY_KIND["batch/v1", "Job"]


def test_all_findings_are_reported_at_once_each_with_its_field():
    findings = Findings()
    findings.matches("metadata.name", "A", FORMATS["DnsSubdomain"])
    findings.metadata("metadata", {"labels": {"a/b/c": "d"}})
    with pytest.raises(ApiError) as caught:
        findings.raise_any(JOB, {"metadata": {"name": "A"}})
    error = caught.value
    assert error.message.startswith(
        'Job.batch "A" is invalid: [metadata.name: Invalid value: "A": a lowercase RFC 1123'
    )
    assert [cause["field"] for cause in error.details["causes"]] == ["metadata.name", "metadata.labels"]
    assert (error.reason, error.details["kind"]) == ("Invalid", "Job")


@pytest.mark.parametrize(
    ("format_", "good", "bad"),
    [
        ("DnsLabel", "a-1", "a.b"),
        ("DnsSubdomain", "a.b-1", "a" * 254),
        ("LabelKey", "gke-job/dag_ID", "Gke-Job/dag_id"),
        ("LabelKey", "a", "-"),
        ("LabelKey", "a" * 63, "a" * 64),
        ("LabelValue", "", "b c"),
        ("LabelValue", "0a.B_c", "b" * 64),
        ("Base64", "Yg==", "b"),
        ("Quantity", "1.5Gi", "one"),
    ],
)
def test_a_text_has_the_form_that_kubernetes_asks_for(format_, good, bad):
    findings = Findings()
    findings.matches("field", good, FORMATS[format_])
    findings.raise_any(JOB, {})
    findings.matches("field", bad, FORMATS[format_])
    with pytest.raises(ApiError, match="field: Invalid value"):
        findings.raise_any(JOB, {"metadata": {}})


def test_annotations_have_an_end():
    findings = Findings()
    findings.metadata("metadata", {"annotations": {"A/a": "b" * 262144}})
    with pytest.raises(ApiError, match="Too long: may not be more than 262144 bytes"):
        findings.raise_any(JOB, {"metadata": {}})
