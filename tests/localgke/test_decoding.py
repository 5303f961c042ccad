import pytest

from localgke.decoding import IMITATED, REFUSED, decode
from localgke.errors import ApiError
from localgke.resources import BY_PLURAL

JOBS = BY_PLURAL["batch", "jobs"]


def job(container=(), pod=(), spec=()):
    containers = [{"name": "main", "image": "i", **dict(container)}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers, **dict(pod)}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": template, **dict(spec)},
    }


def test_a_job_of_imitated_fields_is_taken_as_it_is_but_for_nulls():
    obj, warnings = decode(JOBS, job(pod={"serviceAccountName": None}), "Strict")
    assert obj == job()
    assert warnings == []


def test_a_quantity_may_be_written_as_a_number():
    obj, _ = decode(JOBS, job({"resources": {"limits": {"cpu": 1.5}}}), "Strict")
    assert obj["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1.5"}


def test_an_unknown_field_is_an_error_when_strict_and_else_dropped_with_a_warning():
    with pytest.raises(ApiError) as caught:
        decode(JOBS, job({"imagee": "i"}), "Strict")
    unknown = 'unknown field "spec.template.spec.containers[0].imagee"'
    assert caught.value.message == f'Job in version "v1" cannot be handled as a Job: strict decoding error: {unknown}'
    assert decode(JOBS, job({"imagee": "i"}), "Warn") == (job(), [unknown])
    assert decode(JOBS, job({"imagee": "i"}), "Ignore") == (job(), [])


@pytest.mark.parametrize("validation", ["Strict", "Warn", "Ignore"])
def test_a_real_field_that_is_not_imitated_is_refused_however_lenient_the_request(validation):
    with pytest.raises(ApiError, match=r'localgke does not imitate the field "spec.template.spec.hostNetwork"'):
        decode(JOBS, job(pod={"hostNetwork": False}), validation)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (job(spec={"parallelism": "2"}), "string into Go struct field JobSpec.spec.parallelism of type int32"),
        (
            job(spec={"parallelism": 2**31}),
            "number 2147483648 into Go struct field JobSpec.spec.parallelism of type int32",
        ),
        (job(spec={"suspend": "true"}), "string into Go struct field JobSpec.spec.suspend of type bool"),
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
        (job(pod={"nodeSelector": {"a": True}}), "bool into Go struct field PodSpec.spec.template.spec.nodeSelector"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_in_the_words_of_the_api_server(body, said):
    with pytest.raises(ApiError) as caught:
        decode(JOBS, body, "Strict")
    assert caught.value.message.startswith('Job in version "v1" cannot be handled as a Job: json: cannot unmarshal ')
    assert said in caught.value.message


@pytest.mark.parametrize("amount", ["one", "1 Gi", "", True])
def test_a_quantity_that_is_none_is_refused(amount):
    with pytest.raises(ApiError, match="quantities must match the regular expression"):
        decode(JOBS, job({"resources": {"limits": {"memory": amount}}}), "Strict")


@pytest.mark.parametrize("body", [None, [], {"kind": "Pod", "apiVersion": "v1"}])
def test_a_body_that_is_not_a_job_is_a_bad_request(body):
    with pytest.raises(ApiError) as caught:
        decode(JOBS, body, "Strict")
    assert caught.value.reason == "BadRequest"


def test_the_table_of_fields_names_only_types_that_it_has_and_no_field_twice():
    simple = {"any", "string", "bool", "int32", "int64", "Quantity"}
    for type_, fields in IMITATED.items():
        for field, of in fields.items():
            assert of.removeprefix("[]").removeprefix("map[string]") in simple | IMITATED.keys(), f"{type_}.{field}"
    for type_, names in REFUSED.items():
        assert not IMITATED[type_].keys() & names
