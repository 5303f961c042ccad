"""The cause in one line: images, Pods that cannot be created; and the advice where it never helps to wait."""

from copy import deepcopy
from dataclasses import replace

import pytest
from diagnosing import advice, event, pods_with_exit_codes
from recordings import load

from gke_jobs.diagnosis.causes import cause
from gke_jobs.diagnosis.diagnosis import diagnose

IMAGE = "europe-docker.pkg.dev/my-project/team/churn-model:2026-11-26"
CONTAINERD = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '
NOT_FOUND = f"rpc error: code = NotFound desc = {CONTAINERD}{IMAGE}: not found"
DENIED = (
    "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://a/b: 403 Forbidden"
)


def image_problem(reason, message, *said, image=IMAGE):
    """A Pod whose container waits for this reason, and events with these messages, the newest last."""
    seen = load("image_not_found")
    pod = deepcopy(seen.pods[0])
    pod["spec"]["containers"][0]["image"] = image
    pod["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": reason, "message": message}}
    events = [event(seen, pod, "Failed", words, ago=len(said) - number) for number, words in enumerate(said)]
    return replace(seen, pods=[pod], events=events)


@pytest.mark.parametrize(
    ("reason", "message", "said", "why"),
    [
        ("ErrImagePull", NOT_FOUND, [], "not found"),
        ("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {NOT_FOUND}', [], "not found"),
        # As kubelets before 1.31 say it: why it failed is in an event.
        (
            "ImagePullBackOff",
            f'Back-off pulling image "{IMAGE}"',
            [f'Failed to pull image "{IMAGE}": {NOT_FOUND}'],
            "not found",
        ),
        (
            "ImagePullBackOff",
            f'Back-off pulling image "{IMAGE}"',
            [
                f'Failed to pull image "{IMAGE}": {NOT_FOUND}',
                f'Failed to pull image "{IMAGE}": {CONTAINERD}{DENIED}',
                "Error: x",
            ],
            DENIED,
        ),
        ("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"', [], "ImagePullBackOff"),
        ("ErrImagePull", f"{CONTAINERD}{DENIED}", [], DENIED),
        ("ErrImagePull", f"reading manifest 2026-11-26 in {IMAGE.rpartition(':')[0]}: manifest unknown", [], None),
        (
            "ErrImagePull",
            f'{CONTAINERD}failed to do request: Head "https://a/b": dial tcp: lookup a: no such host',
            [],
            'failed to do request: Head "https://a/b": dial tcp: lookup a: no such host',
        ),
        (
            "ErrImageNeverPull",
            f'Container image "{IMAGE}" is not present with pull policy of Never',
            [],
            "is not present with pull policy of Never",
        ),
        (
            "InvalidImageName",
            f'Failed to apply default image tag "{IMAGE}": couldn\'t parse image name "{IMAGE}": invalid format',
            [],
            "invalid format",
        ),
    ],
)
def test_the_cause_begins_with_the_image_and_why_it_cannot_be_had(reason, message, said, why):
    seen = image_problem(reason, message, *said)
    name = seen.pods[0]["metadata"]["name"]
    assert cause(seen) == f"image {IMAGE}: {why or message} (Pod {name}: container main: {reason})"


def test_an_image_without_registry_or_tag_is_named_as_it_was_asked_for():
    full = "docker.io/library/no-such-image:latest"
    message = f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": {full}: not found'
    assert cause(image_problem("ErrImagePull", message, image="no-such-image")).startswith(
        "image no-such-image: not found ("
    )


def test_another_trouble_of_a_container_is_no_trouble_of_its_image():
    assert cause(load("secret_missing")).startswith("Pod train-")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (NOT_FOUND, f"compare name and tag of {IMAGE} with the registry: was it pushed?"),
        (f"{CONTAINERD}{DENIED}", f"let the nodes' service account read the repository of {IMAGE}: "),
        ("manifest unknown", "compare name and tag of the `image` with the registry: was it pushed?"),
    ],
)
def test_the_advice_names_the_image(message, said):
    (found,) = advice(diagnose(image_problem("ErrImagePull", message)))
    assert found.startswith(said)


def refused(requested, limited, *, pods=(), quota="small"):
    """A Job whose Pods a quota refuses."""
    seen = load("quota_exceeded")
    words = f"exceeded quota: {quota}, requested: {requested}, used: requests.cpu=0, limited: {limited}"
    failed = event(seen, seen.job, "FailedCreate", f'Error creating: pods "train-x" is forbidden: {words}')
    return replace(seen, events=[failed], pods=list(pods)), words


@pytest.mark.parametrize(
    ("requested", "limited", "said"),
    [
        (
            "requests.cpu=4",
            "requests.cpu=1",
            "(requests.cpu: 4 requested, 1 allowed), so waiting does not help: request less",
        ),
        (
            "pods=1,requests.memory=2Gi",
            "pods=9,requests.memory=1500M",
            "(requests.memory: 2Gi requested, 1500M allowed), so waiting",
        ),
        ("pods=1", "pods=0", "(pods: 1 requested, 0 allowed), so waiting does not help"),
        ("requests.cpu=4", "requests.cpu=4", None),
        ("requests.cpu=500m", "requests.cpu=1", None),
        ("x", "y", None),
        ("requests.cpu=a", "requests.cpu=b", None),
    ],
)
def test_a_quota_that_is_smaller_than_one_pod_is_not_to_be_waited_for(requested, limited, said):
    seen, words = refused(requested, limited)
    assert cause(seen) == f"no Pod can be created: {words}"
    (found,) = advice(diagnose(seen))
    assert found.startswith(
        "wait for other Jobs to end" if said is None else f"the ResourceQuota small is smaller than one Pod {said}"
    )


def test_what_refuses_the_other_pods_of_a_job_is_the_cause_until_they_are_there_or_one_fails():
    pod = deepcopy(load("running").pods[0])
    pod["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    seen, words = refused("requests.cpu=1", "requests.cpu=1", pods=[pod])
    assert cause(seen) == f"more Pods cannot be created: {words}"
    assert advice(diagnose(seen))[0].startswith("wait for other Jobs to end")
    later = {**pod, "metadata": {**pod["metadata"], "creationTimestamp": "2027-01-01T00:00:00Z"}}
    assert cause(replace(seen, pods=[later])) == ""
    assert "exit code" in cause(replace(seen, pods=[pod, *load("exit_code").pods]))


@pytest.mark.parametrize("case", ["pod_security", "service_account_missing"])
def test_what_else_keeps_pods_from_being_created_is_the_cause_as_well(case):
    assert cause(load(case)).startswith("no Pod can be created: ")


HUGE = "pod didn't trigger scale-up: 2 node(s) didn't match Pod's node affinity/selector, 3 Insufficient cpu"
NO_NODE = "0/5 nodes are available: 3 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector."


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([("NotTriggerScaleUp", HUGE)], "no node pool that fits the Pod has nodes with enough cpu"),
        (
            [("NotTriggerScaleUp", HUGE), ("FailedScheduling", NO_NODE)],
            "no node pool that fits the Pod has nodes with",
        ),
        (
            [("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 Insufficient nvidia.com/gpu")],
            "no node pool that fits the Pod",
        ),
        (
            [("NotTriggerScaleUp", f"{HUGE}, 1 max node group size reached")],
            "a node pool that fits has reached its maximum size",
        ),
        ([("NotTriggerScaleUp", f"{HUGE}, 1 in backoff after failed scale-up")], "no node has enough free cpu: wait"),
        (
            [("NotTriggerScaleUp", HUGE), ("TriggeredScaleUp", "pod triggered scale-up")],
            "a node is being created: wait",
        ),
        ([("FailedScheduling", NO_NODE)], "no node has enough free cpu: wait"),
    ],
)
def test_where_no_node_pool_fits_the_advice_is_not_to_wait(events, said):
    seen = load("unschedulable")
    found = [
        event(seen, seen.pods[0], reason, message, kind="Normal" if "Scale" in reason else "Warning", ago=9 - number)
        for number, (reason, message) in enumerate(events)
    ]
    assert advice(diagnose(replace(seen, events=found)))[0].startswith(said)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("exit_code", "container main: exit code 3"),
        ("out_of_memory", "container main: OOMKilled, exit code 137 (SIGKILL), memory limit 32Mi"),
        ("volume_secret_missing", "FailedMount: MountVolume.SetUp failed for volume "),
        ("unschedulable", "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."),
        ("evicted", "evicted through the API, "),
    ],
)
def test_the_cause_is_what_made_a_pod_fail_or_what_it_waits_for(case, said):
    seen = load(case)
    title, _, found = cause(seen).partition(": ")
    assert title in [f"Pod {pod['metadata']['name']}" for pod in seen.pods]
    assert found.startswith(said)
    assert "\n" not in found


def test_the_cause_is_of_the_index_that_failed_last_and_was_not_deleted():
    seen = load("failed_indexes")
    last, before = pods_with_exit_codes(seen, [4, 5])
    assert cause(replace(seen, pods=[before, last])).endswith(": container main: exit code 4")
    last["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert cause(replace(seen, pods=[before, last])).endswith(": container main: exit code 5")
    assert "(index " in cause(replace(seen, pods=[last]))
    assert cause(replace(seen, pods=[])) == cause(replace(seen, pods=None)) == ""


def test_the_cause_is_no_summary_of_volumes_that_are_not_mounted():
    seen = load("volume_secret_missing")
    summary = "Unable to attach or mount volumes: unmounted volumes=[a]: timed out waiting for the condition"
    events = [*seen.events, event(seen, seen.pods[0], "FailedMount", summary, ago=-1)]
    assert cause(replace(seen, events=events)) == cause(seen)


def test_an_image_that_the_message_does_not_name_is_named():
    seen = load("image_not_found")
    pod = deepcopy(seen.pods[0])
    pod["status"]["containerStatuses"][0]["state"]["waiting"] = {"reason": "ErrImagePull", "message": "no answer"}
    assert cause(replace(seen, pods=[pod])).startswith("image no-such-image:1: no answer (Pod ")
