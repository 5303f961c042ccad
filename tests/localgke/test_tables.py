import pytest

from localgke import tables
from localgke.resources import BY_PLURAL

JOBS = BY_PLURAL["batch", "jobs"]
PODS = BY_PLURAL["", "pods"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0s"),
        (119, "119s"),
        (120, "2m"),
        (305, "5m5s"),
        (3600, "60m"),
        (10800, "3h"),
        (90000, "25h"),
        (604800, "7d"),
    ],
)
def test_a_span_of_time_is_written_as_kubectl_does(seconds, text):
    assert tables.duration(seconds) == text


def row(resource, obj):
    made = tables.table(resource, [obj], "7")
    names = [column["name"] for column in made["columnDefinitions"]]
    return dict(zip(names, made["rows"][0]["cells"], strict=True))


def job(conditions=(), **status):
    conditions = [{"type": name, "status": "True"} for name in conditions]
    containers = [{"name": "main", "image": "i"}]
    spec = {"parallelism": 1, "completions": 3, "template": {"spec": {"containers": containers}}}
    return {"metadata": {"name": "j"}, "spec": spec, "status": {"conditions": conditions, **status}}


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ([], "Running"),
        (["SuccessCriteriaMet"], "SuccessCriteriaMet"),
        (["SuccessCriteriaMet", "Complete"], "Complete"),
        (["FailureTarget", "Failed"], "Failed"),
        (["Suspended"], "Suspended"),
    ],
)
def test_the_row_of_a_job_shows_its_last_condition(conditions, state):
    assert row(JOBS, job(conditions))["Status"] == state


def test_the_row_of_a_job_shows_completions_and_duration():
    times = {"startTime": "2025-01-01T00:00:00Z", "completionTime": "2025-01-01T00:05:05Z"}
    cells = row(JOBS, job(succeeded=2, **times))
    assert cells["Completions"] == "2/3"
    assert cells["Duration"] == "5m5s"


def pod(phase, *states, **metadata):
    statuses = [{"name": "main", "state": state, "restartCount": 1, "ready": "running" in state} for state in states]
    spec = {"containers": [{"name": "main"}]}
    return {
        "metadata": {"name": "p", **metadata},
        "spec": spec,
        "status": {"phase": phase, "containerStatuses": statuses},
    }


@pytest.mark.parametrize(
    ("obj", "state"),
    [
        (pod("Pending"), "Pending"),
        (pod("Pending", {"waiting": {"reason": "ImagePullBackOff"}}), "ImagePullBackOff"),
        (pod("Running", {"running": {}}), "Running"),
        (pod("Running", {"running": {}}, deletionTimestamp="2025-01-01T00:00:00Z"), "Terminating"),
        (pod("Succeeded", {"terminated": {"reason": "Completed", "exitCode": 0}}), "Completed"),
        (pod("Failed", {"terminated": {"reason": "Error", "exitCode": 1}}), "Error"),
    ],
)
def test_the_row_of_a_pod_shows_what_its_container_does(obj, state):
    assert row(PODS, obj)["Status"] == state
