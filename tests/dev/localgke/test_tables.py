import re

import pytest

from localgke import tables
from localgke.resources import BY_PLURAL

JOBS = BY_PLURAL["batch", "jobs"]
PODS = BY_PLURAL["", "pods"]
SERVICES = BY_PLURAL["", "services"]
SECRETS = BY_PLURAL["", "secrets"]
CONFIG_MAPS = BY_PLURAL["", "configmaps"]


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
def test_a_duration_has_kubectls_format(seconds, text):
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


ENDED = {"reason": "Completed", "exitCode": 0}


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
        (pod("Running", {"terminated": ENDED}, {"running": {}}), "NotReady"),
        (pod("Failed", {"terminated": ENDED}, {"terminated": {"reason": "Error", "exitCode": 1}}), "Error"),
        (pod("Running", {"running": {}}, deletionTimestamp="2025-01-01T00:00:00Z"), "Terminating"),
        (pod("Succeeded", {"terminated": {"reason": "Completed", "exitCode": 0}}), "Completed"),
        (pod("Failed", {"terminated": {"reason": "Error", "exitCode": 1}}), "Error"),
    ],
)
def test_the_row_of_a_pod_shows_what_its_container_does(obj, state):
    assert row(PODS, obj)["Status"] == state


def test_the_row_of_a_pod_shows_when_it_was_restarted():
    obj = pod("Running", {"running": {}})
    assert row(PODS, obj)["Restarts"] == "1"
    obj["status"]["containerStatuses"][0]["lastState"] = {"terminated": {"finishedAt": "2025-01-01T00:00:00Z"}}
    assert re.fullmatch(r"1 \(\d+d ago\)", row(PODS, obj)["Restarts"])


@pytest.mark.parametrize(
    ("spec", "completions"),
    [
        ({"completions": 0}, "0/0"),
        ({"parallelism": 1}, "0/1"),
        ({"parallelism": 3}, "0/1 of 3"),
    ],
)
def test_the_completions_of_a_work_queue_are_one_of_its_pods(spec, completions):
    assert (
        row(JOBS, {**job(), "spec": {"template": job()["spec"]["template"], "parallelism": 1, **spec}})["Completions"]
        == completions
    )


@pytest.mark.parametrize(
    ("resource", "columns", "wide"),
    [
        (JOBS, "Name Status Completions Duration Age", "Containers Images Selector"),
        (PODS, "Name Ready Status Restarts Age", "IP Node Nominated-Node Readiness-Gates"),
        (SERVICES, "Name Type Cluster-IP External-IP Port(s) Age", "Selector"),
        (SECRETS, "Name Type Data Age", ""),
        (CONFIG_MAPS, "Name Data Age", ""),
        (BY_PLURAL["", "nodes"], "Name Status Roles Age Version", "Internal-IP External-IP OS-Image"),
        (BY_PLURAL["", "events"], "Last-Seen Type Reason Object Message", "Subobject Source First-Seen Count Name"),
    ],
)
def test_a_table_has_the_columns_of_the_api_server_and_marks_the_wide_ones(resource, columns, wide):
    definitions = tables.table(resource, [], "7")["columnDefinitions"]
    names = {0: [], 1: []}
    for column in definitions:
        names[column["priority"]].append(column["name"].replace(" ", "-"))
    assert names[0] == columns.split()
    assert names[1][: len(wide.split())] == wide.split()


def test_the_rows_of_configmaps_secrets_and_services_show_their_content():
    meta = {"metadata": {"name": "x"}}
    assert row(SECRETS, {**meta, "type": "Opaque", "data": {"a": "", "b": ""}})["Data"] == 2
    assert row(CONFIG_MAPS, {**meta, "data": {"a": ""}, "binaryData": {"b": ""}})["Data"] == 2
    spec = {"type": "ClusterIP", "clusterIP": "None", "selector": {"a": "b"}, "ports": [{"port": 1, "protocol": "TCP"}]}
    cells = row(SERVICES, {**meta, "spec": spec})
    assert (cells["Port(s)"], cells["Selector"], cells["Cluster-IP"]) == ("1/TCP", "a=b", "None")
