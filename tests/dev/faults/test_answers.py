from faults.answers import error
from faults.rules import Request

JOB = Request.of("DELETE", "/apis/batch/v1/namespaces/ml/jobs/train", {})


def test_an_error_is_a_status_with_code_and_reason():
    found = {code: error(code, JOB, "me").status()["reason"] for code in (401, 403, 410, 429, 500, 503, 504)}
    assert found == {
        401: "Unauthorized",
        403: "Forbidden",
        410: "Expired",
        429: "TooManyRequests",
        500: "InternalError",
        503: "ServiceUnavailable",
        504: "Timeout",
    }
    assert all(error(code, JOB, "me").status()["code"] == code for code in found)


def test_429_has_a_retry_after():
    assert error(429, JOB, "me").status()["details"] == {"retryAfterSeconds": 1}


def test_403_names_user_verb_and_object():
    assert error(403, JOB, "me").status()["message"] == (
        'jobs.batch "train" is forbidden: User "me" cannot delete resource "jobs" in API group "batch" '
        'in the namespace "ml"'
    )


def test_403_names_a_subresource_and_a_list_as_an_api_server_does():
    log = Request.of("GET", "/api/v1/namespaces/ml/pods/a/log", {})
    nodes = Request.of("GET", "/api/v1/nodes", {})
    assert [error(403, request, "me").message for request in (log, nodes)] == [
        'pods "a" is forbidden: User "me" cannot get resource "pods/log" in API group "" in the namespace "ml"',
        'nodes is forbidden: User "me" cannot list resource "nodes" in API group "" at the cluster scope',
    ]
