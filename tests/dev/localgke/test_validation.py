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
        ("LabelValue", "", "b c"),
        ("LabelValue", "0a.B_c", "b" * 64),
        ("Base64", "Yg==", "b"),
        ("Quantity", "1.5Gi", "one"),
    ],
)
def test_a_text_must_have_the_format_of_kubernetes(format_, good, bad):
    findings = Findings()
    findings.matches("field", good, FORMATS[format_])
    findings.raise_any(JOB, {})
    findings.matches("field", bad, FORMATS[format_])
    with pytest.raises(ApiError, match="field: Invalid value"):
        findings.raise_any(JOB, {"metadata": {}})


def test_annotations_have_a_maximum_size():
    findings = Findings()
    findings.metadata("metadata", {"annotations": {"A/a": "b" * 262144}})
    with pytest.raises(ApiError, match="Too long: may not be more than 262144 bytes"):
        findings.raise_any(JOB, {"metadata": {}})


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("gke-job/dag_ID", ""),
        ("a" * 63, ""),
        ("a" * 64, "name part must be no more than 63 bytes"),
        ("-", "name part must consist of alphanumeric characters"),
        ("a/", "name part must be non-empty"),
        ("Gke-Job/dag_id", "prefix part a lowercase RFC 1123 subdomain must consist of"),
        ("/a", "prefix part must be non-empty"),
        ("a/b/c", "a valid label key must consist of"),
    ],
)
def test_a_label_key_is_a_name_with_an_optional_domain(key, said):
    findings = Findings()
    findings.label_key("metadata.labels", key)
    if said:
        with pytest.raises(ApiError, match=f'metadata.labels: Invalid value: "{key}": {said}'):
            findings.raise_any(JOB, {"metadata": {}})
    else:
        findings.raise_any(JOB, {"metadata": {}})


def test_the_error_for_an_invalid_text_has_examples_and_the_pattern():
    findings = Findings()
    findings.matches("metadata.labels", "b c", FORMATS["LabelValue"])
    with pytest.raises(ApiError) as caught:
        findings.raise_any(JOB, {"metadata": {"name": "j"}})
    assert caught.value.message == (
        'Job.batch "j" is invalid: metadata.labels: Invalid value: "b c": a valid label must be an empty string or '
        "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
        "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    )


def test_a_repeated_finding_is_reported_once():
    findings = Findings()
    for _ in range(2):
        findings.required("spec.selector")
    with pytest.raises(ApiError) as caught:
        findings.raise_any(JOB, {"metadata": {"name": "j"}})
    assert caught.value.message == 'Job.batch "j" is invalid: spec.selector: Required value'
    assert len(caught.value.details["causes"]) == 2
