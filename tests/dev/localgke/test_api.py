import json

import pytest

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"


def job(name, *, image="busybox", labels=None, **spec):
    """A suspended Job: nothing happens to it but what the test does."""
    container = {"name": "main", "image": image, "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels or {"test": name}},
        "spec": {"suspend": True, "template": template, **spec},
    }


def test_a_job_is_created_shown_and_deleted(kubectl):
    name = kubectl.name("life")
    assert kubectl("create", "-f", "-", manifest=job(name)) == f"job.batch/{name} created\n"
    header, row = kubectl("get", "jobs", name).splitlines()
    assert header.split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert row.split()[0] == name
    assert f"Name:             {name}" in kubectl("describe", "job", name)
    assert kubectl("get", "jobs", "-l", f"test in ({name}),!none", "-o", "name") == f"job.batch/{name}\n"
    kubectl("delete", "job", name)
    assert f'Error from server (NotFound): jobs.batch "{name}" not found' in kubectl("get", "job", name, fails=True)


def test_apply_creates_then_finds_nothing_to_change_then_changes_labels(kubectl):
    name = kubectl.name("applied")
    assert kubectl("apply", "-f", "-", manifest=job(name)) == f"job.batch/{name} created\n"
    assert kubectl("apply", "-f", "-", manifest=job(name)) == f"job.batch/{name} unchanged\n"
    changed = job(name, labels={"other": "x"})
    assert kubectl("apply", "-f", "-", manifest=changed) == f"job.batch/{name} configured\n"
    assert kubectl("get", "job", name, "-o", "jsonpath={.metadata.labels}") == '{"other":"x"}'


def test_apply_of_another_template_is_refused_as_immutable(kubectl):
    name = kubectl.name("immutable")
    kubectl("apply", "-f", "-", manifest=job(name))
    said = kubectl("apply", "-f", "-", manifest=job(name, image="python"), fails=True)
    assert said.startswith(f'The Job "{name}" is invalid: spec.template.spec: Invalid value: ')
    assert said.rstrip().endswith(": field is immutable")


def test_annotate_label_and_patch_change_the_object(kubectl):
    name = kubectl.name("patched")
    kubectl("create", "-f", "-", manifest=job(name))
    kubectl("annotate", "job", name, "gke-job/collected=true")
    kubectl("label", "job", name, "test-", "more=x")
    kubectl("patch", "job", name, "--type=merge", "--patch", '{"spec": {"parallelism": 2}}')
    kubectl("patch", "job", name, "--patch", '{"spec": {"backoffLimit": 1}}')
    got = json.loads(kubectl("get", "job", name, "-o", "json"))
    assert got["metadata"]["annotations"] == {"gke-job/collected": "true"}
    assert got["metadata"]["labels"] == {"more": "x"}
    assert (got["spec"]["parallelism"], got["spec"]["backoffLimit"]) == (2, 1)
    said = kubectl("annotate", "job", name, "a=b", "--resource-version=1", fails=True)
    assert "the object has been modified" in said


def test_a_patch_of_the_status_of_a_pod_changes_nothing_else(kubectl):
    name = kubectl.name("status")
    kubectl("create", "-f", "-", manifest=job(name, suspend=False))
    kubectl("wait", "--for=condition=Complete", f"job/{name}", "--timeout=30s")
    pod = kubectl("get", "pods", "--selector", f"job-name={name}", "-o", "name").strip()
    patch = {"metadata": {"labels": {"a": "b"}}, "status": {"reason": "Evicted"}}
    kubectl("patch", pod, "--subresource=status", "--type=merge", "--patch", json.dumps(patch))
    got = json.loads(kubectl("get", pod, "-o", "json"))
    assert (got["status"]["reason"], got["status"]["phase"]) == ("Evicted", "Succeeded")
    assert "a" not in got["metadata"]["labels"]


def test_a_dry_run_returns_the_result_and_changes_nothing(kubectl):
    name = kubectl.name("dry")
    shown = kubectl("create", "--dry-run=server", "-f", "-", "-o", "jsonpath={.spec.backoffLimit}", manifest=job(name))
    assert shown == "6"
    assert kubectl("get", "jobs", "-l", f"test={name}", "-o", "name") == ""


def test_a_deletion_without_a_propagation_policy_gets_a_warning(kubectl):
    name = kubectl.name("orphaning")
    kubectl("create", "-f", "-", manifest=job(name))
    done = kubectl.cluster.run(kubectl.program, "delete", "--raw", f"{JOBS}/{name}")
    assert done.returncode == 0
    assert "Warning: child pods are preserved by default when jobs are deleted; set propagationPolicy=" in done.stderr


def test_a_delete_with_the_uid_of_another_job_is_a_conflict(kubectl):
    name = kubectl.name("precondition")
    kubectl("create", "-f", "-", manifest=job(name))
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    path = f"{JOBS}/{name}"

    def body(uid):
        return {**options, "preconditions": {"uid": uid}}

    said = kubectl("delete", "--raw", path, "-f", "-", manifest=body("other"), fails=True)
    assert f'Operation cannot be fulfilled on Job.batch "{name}": the UID in the precondition (other) does not' in said
    uid = kubectl("get", "job", name, "-o", "jsonpath={.metadata.uid}")
    kubectl("delete", "--raw", path, "-f", "-", manifest=body(uid))
    kubectl("wait", "--for=delete", f"job/{name}", "--timeout=10s")


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (job("j", paralelism=1), 'strict decoding error: unknown field "spec.paralelism"'),
        (
            job("j", successPolicy={}),
            'unknown field "spec.successPolicy": misspelled, or localgke does not imitate it',
        ),
        (job("j", parallelism="x"), "cannot unmarshal string into Go struct field JobSpec.spec.parallelism"),
        (job("J"), 'The Job "J" is invalid: metadata.name: Invalid value: "J"'),
        ({**job("j"), "metadata": {"name": "j", "namespace": "nowhere"}}, 'namespaces "nowhere" not found'),
    ],
)
def test_an_invalid_manifest_is_refused_without_client_side_validation(kubectl, manifest, said):
    assert said in kubectl("create", "-f", "-", manifest=manifest, fails=True)


def test_a_create_with_an_existing_name_is_already_exists(kubectl):
    name = kubectl.name("taken")
    kubectl("create", "-f", "-", manifest=job(name))
    said = kubectl("create", "-f", "-", manifest=job(name), fails=True)
    assert f'(AlreadyExists): error when creating "STDIN": jobs.batch "{name}" already exists' in said


def test_wait_sees_a_condition_that_is_set_while_it_waits(kubectl):
    name = kubectl.name("waited")
    kubectl("create", "-f", "-", manifest=job(name))
    kubectl("wait", "--for=condition=Suspended", f"job/{name}", "--timeout=10s")


@pytest.mark.parametrize(
    ("token", "arguments", "said"),
    [
        (
            "viewer-token",
            ("delete", "job", "x"),
            'jobs.batch "x" is forbidden: User "viewer@localgke-project.iam.gserviceaccount.com" cannot delete '
            'resource "jobs" in API group "batch" in the namespace "default": '
            'requires one of ["container.jobs.delete"] permission(s).',
        ),
        ("outsider-token", ("get", "nodes"), 'cannot list resource "nodes" in API group "" at the cluster scope'),
        ("outsider-token", ("get", "--raw", "/api/v1/namespaces/default/pods/p/log"), 'cannot get resource "pods/log"'),
        ("nobody", ("get", "jobs"), "You must be logged in to the server (Unauthorized)"),
    ],
)
def test_a_forbidden_error_names_the_missing_verb(kubectl, token, arguments, said):
    assert said in kubectl("--token", token, *arguments, fails=True)


def test_features_of_real_clusters_only_are_refused(kubectl):
    assert "does not imitate a body of type application/apply-patch" in kubectl(
        "apply", "--server-side", "-f", "-", manifest=job("j"), fails=True
    )
    protobuf = kubectl("create", "configmap", "c", "--from-literal=a=b", fails=True)
    assert "does not imitate a body of type application/vnd.kubernetes.protobuf" in protobuf


def call(api, method, path, **arguments):
    async def scenario(client):
        async with client.request(method, path, **arguments) as response:
            return response.status, await response.json(), response.headers

    return api.run(scenario)


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status", "said"),
    [
        ("DELETE", JOBS, {}, 501, 'the verb "deletecollection" on jobs.batch'),
        ("POST", "/api/v1/nodes", {"json": {}}, 501, 'the verb "create" on nodes'),
        ("GET", JOBS, {"params": {"colour": "red"}}, 501, "the query parameter colour"),
        ("PUT", f"{JOBS}/j", {"json": {}}, 501, 'the verb "update" on jobs.batch'),
        ("GET", f"{PODS}/p/log", {"params": {"sinceSeconds": "1"}}, 501, "the query parameter sinceSeconds"),
        ("POST", JOBS, {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "is not JSON"),
        ("POST", JOBS, {"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 501, "a body of type text/plain"),
        ("POST", JOBS, {"json": {"x": "y" * 3 * 1024 * 1024}}, 413, "Request entity too large"),
        ("GET", JOBS, {"headers": {"Authorization": "Basic x"}}, 401, "Unauthorized"),
    ],
)
def test_a_request_that_cannot_be_answered_gets_a_status_with_the_reason(api, method, path, arguments, status, said):
    code, answer, _ = call(api, method, path, **arguments)
    assert (code, answer["kind"], answer["status"]) == (status, "Status", "Failure")
    assert said in answer["message"]


def test_an_answer_in_another_format_than_json_is_refused(api):
    async def ask(client):
        async with client.get(JOBS, headers={"Accept": "application/vnd.kubernetes.protobuf"}) as response:
            return response.status, (await response.json())["message"]

    status, message = api.run(ask)
    assert status == 501
    assert "localgke does not imitate answers of type application/vnd.kubernetes.protobuf" in message
