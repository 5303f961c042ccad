"""What admission says: quotas, policies, webhooks."""

from __future__ import annotations

import subprocess
from typing import Any

from cases import case, closed_port, create, job
from recorder import Cluster, Recorded, wait_until


def counted(on: Cluster, namespace: str, quota: str) -> None:
    """Wait until a quota is in force."""
    get = ["get", "quota", quota, "--namespace", namespace, "--output", "jsonpath={.status.used}"]
    wait_until(lambda: on.kubectl(*get))


@case("quota")
def quota_of_jobs(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    on.kubectl("create", "quota", "none", "--namespace", namespace, "--hard=count/jobs.batch=0")
    counted(on, namespace, "none")
    return create(on, namespace, job())


@case("quota")
def quota_of_pods(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    on.kubectl("create", "quota", "small", "--namespace", namespace, "--hard=requests.cpu=1")
    counted(on, namespace, "small")
    return on.event(namespace, job(container={"resources": {"requests": {"cpu": "4"}}}))


@case("refused")
def quota_without_request(on: Cluster) -> list[Recorded]:
    namespace = on.namespace()
    on.kubectl("create", "quota", "small", "--namespace", namespace, "--hard=requests.cpu=1")
    counted(on, namespace, "small")
    return on.event(namespace, job())


def limited(on: Cluster, limit: Recorded, resources: Recorded) -> list[Recorded]:
    namespace = on.namespace()
    limits = {"limits": [{"type": "Container", **limit}]}
    given = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": limits}
    on.kubectl("create", "--namespace", namespace, "--filename", "-", given=given)
    return on.event(namespace, job(container={"resources": resources}))


@case("refused")
def limit_range(on: Cluster) -> list[Recorded]:
    much = {"limits": {"memory": "2Gi", "cpu": "2"}, "requests": {"memory": "1Gi", "cpu": "1"}}
    return [
        *limited(on, {"max": {"memory": "1Gi"}}, {"limits": {"memory": "2Gi"}}),
        *limited(on, {"max": {"memory": "1Gi", "cpu": "1"}}, much),
        *limited(on, {"min": {"memory": "4Gi"}}, much),
        *limited(on, {"maxLimitRequestRatio": {"memory": "1"}}, much),
        *limited(on, {"type": "Pod", "max": {"memory": "1Gi"}}, much),
    ]


@case("refused")
def limit_range_default_too_small(on: Cluster) -> list[Recorded]:
    return limited(on, {"default": {"memory": "512Mi"}}, {"requests": {"memory": "1Gi"}})


@case("refused")
def class_absent(on: Cluster) -> list[Recorded]:
    runtime = on.event(on.namespace(), job(pod={"runtimeClassName": "nowhere"}))
    return [*runtime, *on.event(on.namespace(), job(pod={"priorityClassName": "nowhere"}))]


@case("refused")
def pod_security(on: Cluster) -> list[Recorded]:
    return on.event(on.namespace(**{"pod-security.kubernetes.io/enforce": "restricted"}), job())


@case("config")
def service_account_absent(on: Cluster) -> list[Recorded]:
    return on.event(on.namespace(), job(pod={"serviceAccountName": "trainer"}))


def webhook(on: Cluster, resource: str, answer: Any, *, url: str = "", code: int = 200) -> str:
    """Make a webhook that gives such a verdict on what is created in a namespace, which is returned."""
    namespace = on.namespace()
    on.webhook.code = code
    on.webhook.body = lambda review: {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": review["request"]["uid"], "allowed": False, **answer},
    }
    hook = {
        "name": "policy.example.com",
        "clientConfig": {"url": url or f"https://{on.webhook.address}/", "caBundle": on.other_authority},
        "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [resource]}],
        "namespaceSelector": {"matchLabels": {"gke-job/recording": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 2,
    }
    kind = "ValidatingWebhookConfiguration"
    version = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind}
    given = {**version, "metadata": {"name": namespace}, "webhooks": [hook]}
    on.clean_ups.append([kind, namespace])
    on.kubectl("create", "--filename", "-", given=given)
    wait_until(lambda: is_in_force(on, namespace, resource))
    return namespace


def is_in_force(on: Cluster, namespace: str, resource: str) -> bool:
    given = job("probe")
    if resource == "pods":
        given = {**given["spec"]["template"], "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}}
    try:
        on.kubectl("create", "--dry-run=server", "--namespace", namespace, "--filename", "-", given=given)
    except subprocess.CalledProcessError:
        return True
    return False


@case("refused")
def webhook_denies(on: Cluster) -> list[Recorded]:
    message = "no owner label;\nask the platform team about exceeded quota"
    return create(on, webhook(on, "jobs", {"status": {"message": message}}), job())


@case("refused")
def webhook_denies_without_words(on: Cluster) -> list[Recorded]:
    return create(on, webhook(on, "jobs", {}), job())


@case("refused")
def webhook_denies_with_code(on: Cluster) -> list[Recorded]:
    answers = []
    for code, reason in (
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (409, "Conflict"),
        (422, "Invalid"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (400, "GKE Warden constraints violations"),
        (0, "gcloud container"),
    ):
        denial = {"status": {"code": code, "reason": reason, "message": "jobs need an owner"}}
        answers += create(on, webhook(on, "jobs", denial), job())
    return answers


@case("refused")
def webhook_denies_pods(on: Cluster) -> list[Recorded]:
    return on.event(webhook(on, "pods", {"status": {"message": "no owner label"}}), job())


@case("transient")
def webhook_unreachable(on: Cluster) -> list[Recorded]:
    namespace = webhook(on, "jobs", {}, url=f"https://127.0.0.1:{closed_port()}/")
    failing = create(on, webhook(on, "jobs", {}, code=503), job())
    return [*create(on, namespace, job()), *failing]


@case("transient")
def webhook_fails_and_quotes(on: Cluster) -> list[Recorded]:
    namespace = webhook(on, "jobs", {}, code=500)
    answers = []
    on.webhook.type = "text/plain"
    for text in ('admission webhook "x" denied the request', 'jobs.batch "train" already exists', "exceeded quota: x"):
        on.webhook.body = text
        answers += create(on, namespace, job())
    on.webhook.type = "application/json"
    return answers


@case("transient")
def webhook_unreachable_for_pods(on: Cluster) -> list[Recorded]:
    return on.event(webhook(on, "pods", {}, url=f"https://127.0.0.1:{closed_port()}/"), job())


def policy(on: Cluster, resource: str, **validation: str) -> str:
    """Make a ValidatingAdmissionPolicy for a namespace, which is returned."""
    namespace = on.namespace()
    version = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": namespace}}
    group = "batch" if resource == "jobs" else ""
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}
    match = {"resourceRules": [rule], "namespaceSelector": {"matchLabels": {"gke-job/recording": namespace}}}
    expression = "has(object.metadata.labels) && 'owner' in object.metadata.labels"
    spec = {"matchConstraints": match, "validations": [{"expression": expression, **validation}]}
    binding = {"policyName": namespace, "validationActions": ["Deny"]}
    for kind, given in (("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", binding)):
        on.clean_ups.append([kind, namespace])
        on.kubectl("create", "--filename", "-", given={**version, "kind": kind, "spec": given})
    wait_until(lambda: is_in_force(on, namespace, resource))
    return namespace


@case("refused")
def admission_policy(on: Cluster) -> list[Recorded]:
    silent = create(on, policy(on, "jobs"), job())
    quoting = 'User "x" cannot create resource "jobs": exceeded quota: x'
    return [
        *silent,
        *create(on, policy(on, "jobs", message="a Job needs the label owner", reason="Forbidden"), job()),
        *create(on, policy(on, "jobs", message=quoting, reason="RequestEntityTooLarge"), job()),
    ]


@case("refused")
def admission_policy_for_pods(on: Cluster) -> list[Recorded]:
    quoting = policy(on, "pods", message="exceeded quota: x", reason="Forbidden")
    return [*on.event(policy(on, "pods"), job()), *on.event(quoting, job())]
