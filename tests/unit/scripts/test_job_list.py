"""The commands behind list-jobs and reap-jobs."""

import json
import sys
from datetime import datetime, timedelta, timezone

import pytest
from fake_connection import error
from hypothesis import given
from hypothesis import strategies as st
from test_plain_text import JSON, MARK, UNSAFE

from gke_jobs import job_list, job_names
from gke_jobs.following.listing import SETTLE_SECONDS, Changes
from gke_jobs.following.phases import Phase
from gke_jobs.job_rows import Filters, describe, fitted, state, table
from gke_jobs.text_width import columns

JOBS, PODS = "/apis/batch/v1/namespaces/ml/jobs", "/api/v1/namespaces/ml/pods"
NO_PODS = {PODS: {"items": []}}
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def job(name="train", *, conditions=(), created="2026-01-01T00:00:00Z", status=None, **annotations):
    given = {f"gke-job/{key.replace('_', '-')}": value for key, value in annotations.items()}
    metadata = {"name": name, "namespace": "ml", "uid": f"uid-{name}", "creationTimestamp": created}
    met = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": metadata | {"annotations": given}, "status": (status or {}) | {"conditions": met}}


OURS = {"airflow_environment": "composer", "dag_id": "churn", "task_id": "fit", "run_id": "r1", "map_index": "-1"}


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (job(conditions=["Complete"]), "Complete"),
        (job(conditions=["Failed", "FailureTarget"]), "Failed"),
        (job(conditions=["Suspended"]), "Suspended"),
        (job(status={"ready": 1}), "Running"),
        (job(status={"ready": 0}), "Pending"),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, "Deleting"),
        ({}, "Pending"),
        (None, "Pending"),
    ],
)
def test_the_state_of_a_job(found, word):
    assert state(found) == word


@pytest.mark.parametrize(
    ("annotations", "task"),
    [
        (OURS, "composer: churn fit r1"),
        (OURS | {"map_index": "3"}, "composer: churn fit[3] r1"),
        (OURS | {"map_index": "zero\n\x1b[2J"}, "composer: churn fit[zero \\x1b[2J] r1"),
        ({key: OURS[key] for key in ("dag_id", "task_id")}, "churn fit"),
        ({}, "manual"),
        ({"dag_id": 7}, "manual"),
    ],
)
def test_s6_the_task_of_a_job_may_be_odd(annotations, task):
    row = table([describe(job(**annotations), NOW)]).splitlines()[1]
    assert row.split("  ")[-1].strip().removeprefix("1 d 0 h").strip() == task


def test_the_list_is_a_table_or_json_oldest_first(run_command):
    answers = NO_PODS | {
        JOBS: {"items": [job("b", created="2026-01-01T00:00:01Z", **OURS), {}, None, job("a", **OURS)]}
    }
    code, out, err = run_command(job_list, answers, "--namespace", "ml")
    assert (code, err) == (0, "")
    assert [line.split(" ")[0] for line in out.splitlines()] == ["JOB", "", "", "a", "b"]
    code, out, err = run_command(job_list, answers, "--namespace", "ml", "--json")
    assert [found["job"] for found in json.loads(out)] == ["", "", "a", "b"]
    assert json.loads(out)[2].items() >= {"dag_id": "churn", "map_index": "-1", "state": "Pending"}.items()


def test_a_list_of_several_pages(run_command):
    def pages(query):
        last = query.get("continue") == "token"
        return {"items": [job("b" if last else "a")], "metadata": {"continue": "" if last else "token"}}

    assert [
        line.split()[0] for line in run_command(job_list, NO_PODS | {JOBS: pages}, "--namespace", "ml")[1].splitlines()
    ] == [*("JOB", "a", "b")]


def test_a_list_that_cannot_be_had(run_command):
    assert run_command(job_list, {JOBS: error(403, "no Role")}, "--namespace", "ml") == (
        *(77, "", "gke-job: cannot list the Jobs: no Role: ask for a Role\n"),
    )


def in_full(name="train", *, selector=None, limits=None, start=None, **given):
    """A Job with what its Pods ask for, as limits of one container each."""
    found = job(name, **given)
    each = [{"name": f"c{number}", "resources": {"limits": one}} for number, one in enumerate(limits or [])]
    found["spec"] = {"template": {"spec": {"nodeSelector": selector or {}, "containers": each}}}
    return found | {"status": found["status"] | ({"startTime": start} if start else {})}


L4 = {"cloud.google.com/gke-nodepool": "l4-spot", "cloud.google.com/gke-accelerator": "nvidia-l4"}
TPU = {"cloud.google.com/compute-class": "tpus", "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice"}


@pytest.mark.parametrize(
    ("selector", "limits", "pool", "gpu"),
    [
        (L4, [{"nvidia.com/gpu": "2", "cpu": "8"}], "l4-spot", "2 nvidia-l4"),
        (L4, [{"nvidia.com/gpu": "1"}, {"nvidia.com/gpu": "1"}], "l4-spot", "2 nvidia-l4"),
        (TPU, [{"google.com/tpu": "4"}], "tpus", "4 tpu-v5-lite-podslice"),
        ({}, [{"nvidia.com/gpu": "1"}], "", "1 nvidia.com/gpu"),
        ({}, [{"cpu": "1"}], "", ""),
        ({"cloud.google.com/gke-nodepool": 7}, [{"nvidia.com/gpu": "many"}], "", ""),
        (L4, [], "l4-spot", ""),
    ],
)
def test_what_each_pod_asks_for(selector, limits, pool, gpu):
    shown = describe(in_full(selector=selector, limits=limits), NOW)
    assert (shown["node_pool"], shown["gpu"]) == (pool, gpu)


@pytest.mark.parametrize(
    ("phases", "text"),
    [
        ([], ""),
        ([Phase.WAITING], "waiting for a node"),
        (
            [Phase.SUCCEEDED, Phase.RUNNING, Phase.WAITING, Phase.RUNNING],
            "1 waiting for a node, 2 running, 1 succeeded",
        ),
        ([Phase.FAILED] * 2, "2 failed"),
    ],
)
def test_the_phases_of_the_pods(phases, text):
    assert describe(job(), NOW, phases)["phase"] == text


def test_the_duration_is_from_the_first_start_to_the_end_or_now():
    start = "2026-01-01T23:00:00Z"
    assert describe(in_full(start=start), NOW)["duration"] == "1 h 0 min"
    assert describe(in_full(conditions=["Suspended"]), NOW)["duration"] == ""
    ended = in_full(start=start, conditions=["Failed"])
    ended["status"]["conditions"][0]["lastTransitionTime"] = "2026-01-01T23:00:12Z"
    assert describe(ended, NOW)["duration"] == "12 s"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["old", "new", "other", "without-time"]),
        ({"dag_id": "churn"}, ["old", "new", "without-time"]),
        ({"dag_id": "chur"}, []),
        ({"state": "Complete"}, ["new"]),
        ({"older_than": 3600}, ["old"]),
        ({"newer_than": 3600}, ["new", "other"]),
        ({"older_than": 30, "newer_than": 3600, "dag_id": "churn"}, ["new"]),
    ],
)
def test_the_filters(filters, names):
    jobs = [
        job("old", created="2026-01-01T00:00:00Z", **OURS),
        job("new", created="2026-01-01T23:59:00Z", conditions=["Complete"], **OURS),
        job("other", created="2026-01-01T23:59:50Z", **OURS | {"dag_id": "需要予測"}),
        job("without-time", created="soon", **OURS),
    ]
    assert [one["metadata"]["name"] for one in jobs if Filters(**filters).match(one, NOW)] == names


@pytest.mark.parametrize(
    ("filters", "seconds"),
    [
        ({}, None),
        ({"older_than": 90}, 30),
        ({"newer_than": 90}, 30),
        ({"older_than": 50, "newer_than": 90}, 30),
        ({"older_than": 60, "newer_than": 60}, None),
        ({"older_than": 90, "dag_id": "churn"}, 30),
        ({"older_than": 90, "dag_id": "other"}, None),
        ({"older_than": 90, "state": "Failed"}, None),
    ],
)
def test_the_moment_at_which_a_job_comes_or_goes_by_its_age(filters, seconds):
    found = job(created="2026-01-01T23:59:00Z", **OURS)
    assert Filters(**filters).seconds_to_change(found, NOW) == seconds
    assert Filters(**filters).seconds_to_change(job(created="soon", **OURS), NOW) is None
    if seconds:
        before, after = (Filters(**filters).match(found, NOW + timedelta(seconds=seconds - late)) for late in (1, 0))
        assert before != after


def test_a_list_is_new_when_a_row_is_or_after_a_minute_when_its_ages_are():
    lists, now = job_list.Lists(), NOW.replace(hour=0)

    def is_new(seconds, *found):
        return lists.is_new([describe(one, now + timedelta(seconds=seconds)) for one in found], seconds)

    young, old = job("young", created="2026-01-01T23:59:00Z"), job("old", created="2025-01-01T00:00:00Z")
    assert is_new(0, old, young)
    assert not is_new(30, old, young)
    assert is_new(31, old, job("young", created="2026-01-01T23:59:00Z", status={"ready": 1}))
    assert not is_new(90, old, job("young", created="2026-01-01T23:59:00Z", status={"ready": 1}))
    assert is_new(91, old, job("young", created="2026-01-01T23:59:00Z", status={"ready": 1}))
    assert is_new(92, old)
    assert not is_new(152, old)  # its age is in days and hours
    assert lists.refresh_at == 212


def pod(uid, phase="Running"):
    owner = {"kind": "Job", "uid": uid, "controller": True}
    return {"metadata": {"ownerReferences": [owner]}, "spec": {"nodeName": "n"}, "status": {"phase": phase}}


def test_all_namespaces_are_two_lists_with_the_namespace_of_each_job(run_command):
    jobs = [job("a", **OURS), job("b", **OURS | {"dag_id": "需要予測"})]
    jobs[1]["metadata"]["namespace"] = "vision"
    answers = {
        "/apis/batch/v1/jobs": {"items": jobs},
        "/api/v1/pods": {"items": [pod("uid-a"), pod("uid-a"), pod("another"), {}, None]},
    }
    code, out, _ = run_command(job_list, answers, "--all-namespaces")
    heading, first, second = out.splitlines()
    assert " ".join(heading.split()) == "NAMESPACE JOB STATE AGE DURATION PHASE POOL GPU PROFILE TASK"
    assert (code, first.split()[:3], second.split()[:2]) == (0, ["ml", "a", "Pending"], ["vision", "b"])
    assert "  2 running  " in first
    assert second.endswith("composer: 需要予測 fit r1")
    code, out, _ = run_command(job_list, answers, "--all-namespaces", "--dag-id=需要予測", "--json")
    assert [found["job"] for found in json.loads(out)] == ["b"]
    assert "需要予測" in out


def test_no_job_that_matches_is_said(run_command):
    answers = NO_PODS | {JOBS: {"items": [job()]}}
    code, out, err = run_command(job_list, answers, "--namespace", "ml", "--state", "Failed")
    assert (code, len(out.splitlines())) == (0, 1)
    assert err == "gke-job: namespace ml has no Jobs of the toolkit that match\n"


def test_a_table_fits_a_terminal_with_the_newest_jobs():
    text = table(describe(job(f"train-{number}", **OURS | {"task_id": "学習"}), NOW) for number in range(9))
    shown = fitted(text, 40, 6).splitlines()
    assert shown[1] == "(6 older Jobs are not shown)"
    assert [line.split()[0] for line in shown[2:]] == ["train-6", "train-7", "train-8"]
    assert all(len(line) <= 40 for line in shown)
    assert fitted(text, 1000, 100) == text
    wide = next(line for line in text.splitlines() if "学習" in line)
    before = wide.index("学")
    assert fitted(f"H\n{wide}\n", before + 3, 9).splitlines()[1] == wide[: before + 1]


def test_columns_are_where_their_headings_are_whatever_the_language():
    jobs = [job("a", **OURS | {"profile": "\u5b66\u7fd2\u7528-e\u0301"}), job("b", **OURS | {"profile": "gpu-l4-spot"})]
    lines = table(describe(one, NOW) for one in jobs).splitlines()
    places = {
        columns(line[: line.index(word)]) for line, word in zip(lines, ("TASK", "composer", "composer"), strict=True)
    }
    assert len(places) == 1


def test_the_list_is_shown_soon_after_a_change_and_once_for_many():
    changes = Changes()
    assert not changes.should_show(["job"], 0.0)  # before all are listed
    assert not changes.should_show(["synced"], 0.0)
    assert not changes.should_show(["job", "job"], SETTLE_SECONDS / 2)
    assert changes.should_show([], SETTLE_SECONDS)
    assert changes.show_at is None
    assert not changes.should_show(["unreachable"], 5.0)
    assert not changes.should_show(["gone"], 6.0)
    assert changes.should_show([], 6.0 + SETTLE_SECONDS)
    changes.show_at = 60.0  # a Job comes by its age
    assert not changes.should_show(["job"], 10.0)
    assert changes.should_show([], 10.0 + SETTLE_SECONDS)
    changes.show_at = 60.0
    assert changes.should_show([], 60.0)


@given(st.lists(JSON, max_size=4), JSON)
def test_no_job_is_too_odd_for_the_list(values, key):
    found = [job(**dict.fromkeys(OURS, value)) for value in values]
    found += [{"metadata": value, "status": value, "spec": value} for value in values]
    found += [in_full(selector=value, limits=[value], start=value) for value in values] + [
        {"metadata": {"annotations": key}},
        key,
    ]
    assert [Filters(dag_id="d", state="Failed", older_than=1).match(one, NOW) for one in found].count(True) == 0
    text = table((describe(one, NOW) for one in found), namespaces=True)
    assert len(text.splitlines()) == len(found) + 1
    assert not UNSAFE.search(text.replace("\n", ""))
    assert not MARK.search(text)


def names(monkeypatch, capsys, tmp_path, content):
    (tmp_path / "jobs").write_text(content)
    monkeypatch.setattr(sys, "argv", ["command.py", str(tmp_path / "jobs")])
    return job_names.main(), capsys.readouterr().out


def test_the_names_in_a_list(monkeypatch, capsys, tmp_path):
    listed = json.dumps([describe(job("a"), NOW), describe(job("b"), NOW)])
    assert names(monkeypatch, capsys, tmp_path, listed) == (0, "a ml uid-a\nb ml uid-b\n")
    assert names(monkeypatch, capsys, tmp_path, "[]") == (0, "")


@pytest.mark.parametrize(
    "content",
    [
        *("", "{}", "7", "[" * 5000),
    ],
)
def test_what_is_no_list_is_refused(monkeypatch, capsys, tmp_path, content):
    assert names(monkeypatch, capsys, tmp_path, content) == (65, "")


@pytest.mark.parametrize(
    "odd",
    [
        *(
            {"job": "-a"},
            {"job": "a b"},
            {"namespace": "x\ny"},
            {"uid": "$(x)"},
            {"uid": ""},
            {"uid": "-x"},
            {"job": 7},
        ),
    ],
)
def test_s6_an_odd_job_is_passed_over(monkeypatch, capsys, tmp_path, odd):
    good = {"job": "a", "namespace": "ml", "uid": "u"}
    listed = json.dumps([7, good | odd, {}, good])
    assert names(monkeypatch, capsys, tmp_path, listed) == (0, "a ml u\n")
