import pytest

from localgke import resources
from localgke.errors import ApiError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/pods", ("pods", "", "", "")),
        ("/api/v1/namespaces/ns/pods", ("pods", "ns", "", "")),
        ("/api/v1/namespaces/ns/pods/p/log", ("pods", "ns", "p", "log")),
        ("/api/v1/namespaces", ("namespaces", "", "", "")),
        ("/api/v1/namespaces/ns", ("namespaces", "", "ns", "")),
        ("/api/v1/nodes/n", ("nodes", "", "n", "")),
        ("/apis/batch/v1/namespaces/ns/jobs/j", ("jobs.batch", "ns", "j", "")),
        ("/apis/batch/v1/namespaces/ns/jobs/j/status", ("jobs.batch", "ns", "j", "status")),
    ],
)
def test_a_path_names_a_resource_a_namespace_an_object_and_a_part_of_it(path, expected):
    target = resources.target(path)
    assert (target.resource.name, *target[1:]) == expected


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/apis/batch/v1/namespaces/ns/cronjobs", 'the resource "cronjobs" of the API group "batch", version v1'),
        ("/apis/apps/v1/deployments", 'the resource "deployments" of the API group "apps", version v1'),
        ("/api/v1/namespaces/ns/pods/p/exec", 'the subresource "pods/exec"'),
        ("/apis/batch/v1/namespaces/ns/jobs/j/scale", 'the subresource "jobs/scale"'),
    ],
)
def test_an_unsupported_resource_is_refused_by_name(path, said):
    with pytest.raises(ApiError, match="localgke does not imitate") as caught:
        resources.target(path)
    assert said in caught.value.message


KUEUE = "/apis/visibility.kueue.x-k8s.io/v1beta2/namespaces/ns/localqueues/q/pendingworkloads"


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/pods/p", "/api/v1/namespaces/ns/nodes/n", KUEUE])
def test_an_unknown_path_is_not_found(path):
    with pytest.raises(ApiError, match="could not find the requested resource") as caught:
        resources.target(path)
    assert caught.value.code == 404
