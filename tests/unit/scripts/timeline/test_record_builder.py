"""The record of a run: when it began and ended, how, and for whom."""

import pytest
from cluster_objects import job

from gke_jobs.timeline import run_end
from gke_jobs.timeline import text as text_module
from gke_jobs.timeline.phases import Phase, job_seconds
from gke_jobs.timeline.pod_history import PodHistory
from gke_jobs.timeline.record import Identity, Record, Resources
from gke_jobs.timeline.record_builder import End, make_record, version

CREATED = 1767323045.0  # 2026-01-02T03:04:05Z
CONTAINER = {
    "name": "main",
    "image": "i",
    "resources": {"requests": {"memory": "4Gi", "cpu": 2}, "limits": {"cpu": "3"}},
}
ANNOTATIONS = {
    "gke-job/airflow-environment": "p/r/e",
    "gke-job/dag-id": "\u5b66\u7fd2",
    "gke-job/task-id": "train\n",
    "gke-job/run-id": "manual",
    "gke-job/map-index": "3",
    "gke-job/try-number": "2",
    "gke-job/profile": "gpu-l4",
    "gke-job/price": '{"currency": "EUR", "spot": "0.25"}',
}


def made(*conditions, ended="", now=CREATED + 60, status=0):
    found = job(*conditions, metadata={"creationTimestamp": "2026-01-02T03:04:05Z", "annotations": ANNOTATIONS})
    found["spec"]["template"] = {"spec": {"containers": [CONTAINER]}}
    for condition in found["status"]["conditions"]:
        condition["lastTransitionTime"] = ended
    return make_record(found, PodHistory(), End(status=status), now)


@pytest.mark.parametrize(
    ("conditions", "ended", "now", "seconds"),
    [
        (["Complete"], "2026-01-02T03:04:35Z", 60, 30),
        (["Failed"], "2026-01-02T03:04:35Z", 60, 30),
        (["Complete"], "no time", 60, 60),
        (["Suspended"], "2026-01-02T03:04:35Z", 60, 60),
        ([], "", -5, 0),  # the clock of this machine is behind
    ],
)
def test_a_run_lasts_from_the_creation_of_the_job_to_its_end(conditions, ended, now, seconds):
    assert made(*conditions, ended=ended, now=CREATED + now).seconds == seconds


def test_the_clock_of_a_node_neither_prolongs_a_run_nor_hides_how_long_a_pod_ran():
    pod = {
        "metadata": {"name": "train-abcde", "uid": "u", "creationTimestamp": "2026-01-02T03:04:06Z"},
        "spec": {"containers": [{"name": "main"}], "nodeName": "n"},
        "status": {"phase": "Succeeded", "conditions": [], "containerStatuses": []},
    }
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-02T03:04:07Z"}
    for hour in ("02", "05"):
        ended = {"exitCode": 0, "startedAt": f"2026-01-02T{hour}:04:10Z", "finishedAt": f"2026-01-02T{hour}:04:40Z"}
        pod["status"] |= {
            "conditions": [scheduled],
            "containerStatuses": [{"name": "main", "state": {"terminated": ended}}],
        }
        runs = PodHistory()
        runs.change(pod, is_deleted=False, now=CREATED + 50)
        found = job(metadata={"creationTimestamp": "2026-01-02T03:04:05Z"})
        assert make_record(found, runs, End(), CREATED + 60).seconds == 60
        complete = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-02T03:04:55Z"}
        found["status"]["conditions"] = [complete]
        record = make_record(found, runs, End(), CREATED + 60)
        assert (record.seconds, job_seconds(record)[Phase.RUNNING]) == (50, 30)


@pytest.mark.parametrize(
    ("status", "conditions", "outcome"),
    [
        *[(0, [], "succeeded"), (1, [], "failed"), (69, [], "cluster unreachable"), (77, [], "permission denied")],
        *[(78, [], "never started"), (124, [], "timed out"), (129, [], "interrupted"), (143, [], "interrupted")],
        *[(None, ["Complete"], "succeeded"), (None, ["Failed"], "failed"), (None, [], "not finished")],
    ],
)
def test_the_outcome_is_that_of_the_exit_code_or_of_the_job(status, conditions, outcome):
    assert made(*conditions, status=status).outcome == outcome


def test_the_record_says_for_whom_the_job_ran_and_what_it_asked_for():
    record = made()
    assert record.identity == Identity(
        environment="p/r/e",
        dag_id="\u5b66\u7fd2",
        task_id="train",
        run_id="manual",
        map_index="3",
        try_number="2",
        profile="gpu-l4",
    )
    assert record.price == '{"currency": "EUR", "spot": "0.25"}'
    asked = Resources(container="main", image="i", requests="cpu 2, memory 4Gi", limits="cpu 3")
    assert record.resources == (asked,)


@pytest.mark.parametrize(
    ("annotation", "spec", "expected"),
    [
        ("true", {"parallelism": 4, "completions": 3}, 3),
        ("true", {"parallelism": 4}, 4),
        ("false", {"parallelism": 4}, 0),
        ("true", {"parallelism": "x", "completions": None}, 0),
    ],
)
def test_of_a_gang_the_record_has_how_many_pods_it_wants(annotation, spec, expected):
    found = {"metadata": {"annotations": {"gke-job/gang": annotation}}, "spec": spec}
    assert make_record(found, PodHistory(), End(), 5.0).gang == expected


@pytest.mark.parametrize("found", [{}, None, {"metadata": []}, {"spec": {"template": {"spec": {"containers": [7]}}}}])
def test_what_is_no_job_is_no_error(found):
    assert make_record(found, PodHistory(), End(), 5.0).seconds == 0


def test_the_version_is_the_name_of_the_release_or_that_of_the_checkout(tmp_path):
    assert version(tmp_path) == ""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "VERSION").write_text("1.2.3\n")
    assert version(tmp_path) == "1.2.3"
    (tmp_path / "MANIFEST").touch()
    assert version(tmp_path) == tmp_path.name


def test_a_mistake_in_the_timeline_is_a_warning_and_no_end_of_the_run(monkeypatch, capsys):
    def fail(record):
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(text_module, "text", fail)
    run_end.print_end(Record(job="train"))
    assert "cannot create the timeline: ZeroDivisionError: a mistake" in capsys.readouterr().err
