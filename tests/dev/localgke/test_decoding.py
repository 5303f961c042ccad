import re

import pytest

from localgke.decoding import LIMITS, MAP, SCALARS, TYPES, decode
from localgke.errors import ApiError
from localgke.resources import BY_PLURAL
from localgke.validation import FORMATS

JOBS = BY_PLURAL["batch", "jobs"]
CONTAINER = "spec.template.spec.containers[0]"


def job(container=(), pod=(), spec=()):
    containers = [{"name": "main", "image": "i", **dict(container)}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers, **dict(pod)}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": template, **dict(spec)},
    }


def test_a_job_gets_the_defaults_for_missing_and_null_fields():
    spec = decode(JOBS, job(pod={"schedulerName": None}))["spec"]
    assert (spec["completionMode"], spec["suspend"]) == ("NonIndexed", False)
    pod = spec["template"]["spec"]
    assert (pod["schedulerName"], pod["terminationGracePeriodSeconds"]) == ("default-scheduler", 30)
    assert pod["containers"][0]["terminationMessagePath"] == "/dev/termination-log"
    assert "serviceAccountName" not in pod


def test_a_quantity_may_be_written_as_a_number():
    obj = decode(JOBS, job({"resources": {"limits": {"cpu": 1.5}}}))
    assert obj["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1.5"}


def test_a_field_that_is_not_imitated_may_be_sent_unset():
    pod = {"affinity": {}, "hostNetwork": False, "imagePullSecrets": [], "initContainers": []}
    decode(JOBS, job({"envFrom": [], "ports": []}, pod))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (job({"imagee": "i"}), f'strict decoding error: unknown field "{CONTAINER}.imagee"'),
        (job(pod={"hostNetwork": True}), "misspelled, or localgke does not imitate it"),
        (job(spec={"parallelism": "2"}), "string into Go struct field JobSpec.spec.parallelism of type int32"),
        (
            job(spec={"suspend": "true"}),
            "cannot unmarshal string into Go struct field JobSpec.spec.suspend of type bool",
        ),
        (
            job(spec={"parallelism": 2**31}),
            "number 2147483648 into Go struct field JobSpec.spec.parallelism of type int32",
        ),
        (
            job({"env": [{"name": "A", "value": 1}]}),
            "number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (
            job(pod={"containers": {"name": "a"}}),
            "object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            job(pod={"containers": ["a"]}),
            "string into Go struct field PodSpec.spec.template.spec.containers of type v1.Container",
        ),
        (job({"resources": {"limits": {"memory": "1 Gi"}}}), "as a Job: quantities must match the regular expression"),
        (
            job(pod={"nodeSelector": {"a": True}}),
            "bool into Go struct field PodSpec.spec.template.spec.nodeSelector of type string",
        ),
        ({**job(), "metadata": []}, "array into Go struct field Job.metadata of type v1.ObjectMeta"),
        ([], "must be an object"),
        ({"kind": "Pod", "apiVersion": "v1"}, "(v1, Pod) does not match the expected (batch/v1, Job)"),
    ],
)
def test_a_body_with_a_wrong_name_or_type_is_a_bad_request(body, said):
    with pytest.raises(ApiError) as caught:
        decode(JOBS, body)
    assert caught.value.reason == "BadRequest"
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            job({"securityContext": {"capabilities": {"drop": ["KILL"]}}}),
            'drop[0]: Unsupported value: "KILL": supported values: "ALL"; localgke does not imitate any other',
        ),
        (job(spec={"backoffLimit": -1}), "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
        (job(pod={"containers": []}), "spec.template.spec.containers: Required value"),
        (job({"image": ""}), f"{CONTAINER}.image: Required value"),
        (job({"name": "a_b"}), f'{CONTAINER}.name: Invalid value: "a_b": a lowercase RFC 1123 label'),
        ({"kind": "Job"}, 'Job.batch "" is invalid: spec: Required value'),
    ],
)
def test_a_wrong_or_missing_value_is_invalid_with_the_field_named(body, said):
    with pytest.raises(ApiError) as caught:
        decode(JOBS, body)
    assert caught.value.reason == "Invalid"
    assert said in caught.value.message


def test_the_table_of_fields_names_only_existing_types():
    known = {"any", "unset", *SCALARS, *LIMITS, *FORMATS, *TYPES}
    for type_, fields in TYPES.items():
        for name, field in fields.items():
            of = field.type.replace(MAP, "").replace("[]", "")
            # Only values to choose from are no type: they are written like Go's constants, or are a domain name.
            choices = r"[A-Z][A-Za-z]+(\|[A-Z][A-Za-z]+)*|[a-z]+(\.[a-z]+)+"
            assert of in known or re.fullmatch(choices, of), f"{type_}.{name}"
