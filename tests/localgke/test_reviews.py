"""Who one is and what one may do, asked with the real kubectl."""

import pytest

VIEWER = "viewer@localgke-project.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("token", "verb", "answer"),
    [("admin-token", "create", "yes"), ("viewer-token", "get", "yes"), ("viewer-token", "create", "no")],
)
def test_what_one_may_do(cluster, token, verb, answer):
    found = cluster.run("kubectl", "--token", token, "auth", "can-i", verb, "jobs")
    assert found.stdout.strip() == answer, found.stderr


def test_who_one_is(cluster):
    found = cluster.run("kubectl", "--token", "viewer-token", "auth", "whoami", "--output", "json")
    assert f'"username": "{VIEWER}"' in found.stdout, found.stderr


def test_what_else_is_asked_for_is_refused(cluster):
    found = cluster.run("kubectl", "auth", "can-i", "get", "/healthz")
    assert "localgke imitates access reviews of resources only" in found.stderr


@pytest.mark.parametrize("kind", ["resourcequotas", "limitranges"])
def test_there_are_no_limits_of_a_namespace(cluster, kind):
    found = cluster.run("kubectl", "get", kind, "--output", "json")
    assert '"items": []' in found.stdout, found.stderr
