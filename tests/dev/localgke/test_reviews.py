"""SelfSubjectReviews and SelfSubjectAccessReviews, with the real kubectl."""

import json

import pytest

VIEWER = "viewer@localgke-project.iam.gserviceaccount.com"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def post(cluster, path, review, token="admin-token"):
    return cluster.run(
        *("kubectl", "--token", token, "create", "--raw", path, "--filename", "-"), stdin=json.dumps(review)
    )


@pytest.mark.parametrize(
    ("token", "verb", "answer"),
    [("admin-token", "create", True), ("viewer-token", "get", True), ("viewer-token", "create", False)],
)
def test_access_reviews(cluster, token, verb, answer):
    attributes = {"namespace": "default", "verb": verb, "group": "batch", "resource": "jobs"}
    found = post(cluster, ACCESS, {"spec": {"resourceAttributes": attributes}}, token)
    assert json.loads(found.stdout)["status"] == {"allowed": answer}


def test_self_subject_reviews(cluster):
    found = post(cluster, SELF, {"kind": "SelfSubjectReview"}, "viewer-token")
    assert json.loads(found.stdout)["status"]["userInfo"]["username"] == VIEWER


def test_other_reviews_are_refused(cluster):
    found = post(cluster, ACCESS, {"spec": {"nonResourceAttributes": {"path": "/healthz", "verb": "get"}}})
    assert "localgke imitates access reviews of resources only" in found.stderr


@pytest.mark.parametrize("kind", ["resourcequotas", "limitranges"])
def test_a_namespace_has_no_quota_and_no_limit_range(cluster, kind):
    found = cluster.run("kubectl", "get", kind, "--output", "json")
    assert '"items": []' in found.stdout, found.stderr
