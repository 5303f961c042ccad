"""The command behind list-jobs."""

import json
from datetime import timedelta

from fake_connection import error
from listed_jobs import JOBS, NO_PODS, NOW, OURS, job

from gke_jobs import job_list
from gke_jobs.job_rows import describe


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
