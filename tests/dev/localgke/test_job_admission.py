import copy

import pytest

from localgke.admission import admit_update
from localgke.errors import ApiError
from localgke.test_admission import admit
from localgke.test_decoding import JOBS, job

LABELS = "spec.template.metadata.labels"


def named(name, **spec):
    return {**job(spec=spec), "metadata": {"name": name}}


def labelled(**labels):
    made = job()
    made["spec"]["template"]["metadata"] = {"labels": labels}
    return made


def refused(admission, *arguments):
    with pytest.raises(ApiError) as caught:
        admission(*arguments)
    return caught.value


def test_a_job_gets_values_for_fields_that_it_does_not_set():
    spec = admit(job())["spec"]
    defaults = {"backoffLimit": 6, "completionMode": "NonIndexed", "completions": 1, "manualSelector": False}
    defaults |= {"parallelism": 1, "podReplacementPolicy": "TerminatingOrFailed", "suspend": False}
    assert {key: spec[key] for key in defaults} == defaults
    assert spec["template"]["spec"]["dnsPolicy"] == "ClusterFirst"


def test_a_job_with_a_limit_for_each_index_has_no_backoff_limit():
    made = admit(job(spec={"completionMode": "Indexed", "completions": 2, "backoffLimitPerIndex": 1}))
    assert made["spec"]["backoffLimit"] == 2**31 - 1


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"completionMode": "NonIndexed", "backoffLimitPerIndex": 1},
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
        ),
        ({"maxFailedIndexes": 1}, "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"),
        (
            {"maxFailedIndexes": 3, "backoffLimitPerIndex": 1},
            "spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions",
        ),
    ],
)
def test_limits_for_indexes_that_do_not_fit_the_job_are_refused(spec, said):
    error = refused(admit, job(spec={"completionMode": "Indexed", "completions": 2, **spec}))
    assert said in error.message


def test_a_job_without_labels_has_those_of_its_template():
    made = admit(labelled(team="a"))
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"]
    assert made["metadata"]["labels"]["team"] == "a"
    own = {**job(), "metadata": {"name": "j", "labels": {"mine": "b"}}}
    assert admit(own)["metadata"]["labels"] == {"mine": "b"}


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (labelled(**{"job-name": "k"}), f'{LABELS}[job-name]: Invalid value: {{"controller-uid":'),
        (labelled(**{"job-name": "k"}), ": must be 'j'"),
        (named("a" * 64), f'spec.template.labels: Invalid value: "{"a" * 64}": must be no more than 63 bytes'),
        (
            named("a" * 62, completionMode="Indexed", completions=10),
            f'metadata.name: Invalid value: "{"a" * 62}": will not able to create pod with invalid DNS label: ',
        ),
        (
            named("a.b", completionMode="Indexed", completions=1),
            'metadata.name: Invalid value: "a.b": will not able to create pod with invalid DNS label: a.b-0',
        ),
    ],
)
def test_a_job_whose_pods_could_not_be_made_or_found_is_invalid(obj, said):
    error = refused(admit, obj)
    assert error.reason == "Invalid"
    assert said in error.message


def test_an_indexed_job_may_have_a_name_that_leaves_room_for_its_indexes():
    admit(named("a" * 61, completionMode="Indexed", completions=10))


def changed(old, **spec):
    new = copy.deepcopy(old)
    new["spec"].update(spec)
    return new


@pytest.mark.parametrize("field", ["selector", "template", "completionMode"])
def test_immutable_fields_of_a_job_never_change(field):
    old, other = admit(job()), admit(job({"image": "other"}, spec={"completionMode": "Indexed", "completions": 1}))
    error = refused(admit_update, JOBS, old, changed(old, **{field: other["spec"][field]}))
    fields = {cause["field"] for cause in error.details["causes"]}
    assert f"spec.{field}" in fields
    assert "field is immutable" in error.message


def test_a_failure_policy_cannot_be_removed():
    policy = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}}]}
    old = admit(job(spec={"podFailurePolicy": policy}))
    new = changed(old)
    del new["spec"]["podFailurePolicy"]
    message = refused(admit_update, JOBS, old, new).message
    assert message.endswith("spec.podFailurePolicy: Invalid value: null: field is immutable")


def test_the_pod_replacement_policy_can_change():
    old = admit(job())
    admit_update(JOBS, old, changed(old, podReplacementPolicy="Failed"))


def test_completions_change_for_indexed_jobs_only_and_with_parallelism():
    old = admit(job())
    message = refused(admit_update, JOBS, old, changed(old, completions=2)).message
    assert message.endswith("spec.completions: Invalid value: 2: field is immutable")
    indexed = admit(job(spec={"completionMode": "Indexed", "completions": 2, "parallelism": 2}))
    message = refused(admit_update, JOBS, indexed, changed(indexed, completions=3)).message
    assert message.endswith("spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism")
    error = refused(admit_update, JOBS, indexed, changed(indexed, completions=3, parallelism=3))
    assert error.message.startswith("localgke does not imitate a change of spec.completions")


def elsewhere(old):
    new = copy.deepcopy(old)
    new["spec"]["template"]["spec"]["nodeSelector"] = {"a": "b"}
    new["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
    return new


def test_a_suspended_job_without_pods_may_change_its_scheduling_only():
    old = admit(job(spec={"suspend": True}))
    admit_update(JOBS, old, elsewhere(old))
    other = copy.deepcopy(old)
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    message = refused(admit_update, JOBS, old, other).message
    assert "spec.template.spec: Invalid value: " in message
    assert message.endswith(": field is immutable")


@pytest.mark.parametrize("status", [{"startTime": "2026-01-01T00:00:00Z"}, {"active": 1}])
def test_a_job_that_may_still_have_pods_keeps_its_template(status):
    old = admit(job(spec={"suspend": True}))
    old["status"] = status
    message = refused(admit_update, JOBS, old, elsewhere(old)).message
    assert "spec.template: Invalid value: " in message


def test_a_manual_selector_is_refused():
    error = refused(admit, job(spec={"manualSelector": True}))
    assert error.message.startswith("localgke does not imitate spec.manualSelector")


@pytest.mark.parametrize("field", ["successPolicy", "managedBy"])
def test_what_the_job_controller_does_not_imitate_is_an_unknown_field(field):
    error = refused(admit, job(spec={field: 1}))
    assert f'unknown field "spec.{field}": misspelled, or localgke does not imitate it' in error.message
