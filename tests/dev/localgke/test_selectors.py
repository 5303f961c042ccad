import pytest

from localgke.errors import ApiError
from localgke.resources import BY_PLURAL
from localgke.selectors import selector

PODS = BY_PLURAL["", "pods"]
JOBS = BY_PLURAL["batch", "jobs"]
POD = {
    "metadata": {"name": "p", "namespace": "default", "labels": {"app": "train", "gke-job/identity": "0a"}},
    "spec": {"nodeName": "n1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("labels", "taken"),
    [
        ("", True),
        ("app=train", True),
        ("app==train,gke-job/identity=0a", True),
        ("app=serve", False),
        ("app!=serve", True),
        ("none!=x", True),
        ("app in (serve, train)", True),
        ("app notin (serve,train)", False),
        ("none notin (x)", True),
        ("app", True),
        ("none", False),
        ("!none,app", True),
        ("!app", False),
    ],
)
def test_a_label_selector_matches_as_in_kubernetes(labels, taken):
    assert selector(PODS, labels, "")(POD) is taken


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ("metadata.name=p", True),
        ("metadata.name==p,status.phase!=Failed", True),
        ("spec.nodeName=n2", False),
        ("metadata.namespace!=default", False),
    ],
)
def test_a_field_selector_matches_as_in_kubernetes(fields, taken):
    assert selector(PODS, "", fields)(POD) is taken


@pytest.mark.parametrize(
    ("labels", "fields", "said"),
    [
        ("a in b", "", "unable to parse requirement"),
        ("=x", "", "unable to parse requirement"),
        ("", "metadata.name", "invalid field selector"),
        ("", "spec.nodeName=x", "field label not supported: spec.nodeName"),
    ],
)
def test_an_invalid_selector_is_a_bad_request(labels, fields, said):
    with pytest.raises(ApiError, match=said) as caught:
        selector(JOBS, labels, fields)
    assert caught.value.code == 400
