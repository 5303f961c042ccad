"""The Job of a task instance, by its annotations."""

import pytest
from fake_connection import error
from listed_jobs import JOBS, OURS, job

from gke_jobs import job_of_task

TASK = ["--namespace", "ml", "--dag-id=churn", "--task-id=fit", "--run-id=r1"]


@pytest.fixture
def find(run_command):
    def run(jobs, *options):
        return run_command(job_of_task, {JOBS: {"items": jobs} if isinstance(jobs, list) else jobs}, *TASK, *options)

    return run


def of_index(index, name, **given):
    return job(name, **OURS | {"map_index": index} | given)


def test_the_job_with_the_ids_of_the_task(find):
    others = [job(key, **OURS | {key: "other"}) for key in ("dag_id", "task_id", "run_id")]
    assert find([*others, job("by-hand"), job("ours", **OURS), {}, None]) == (0, "ours uid-ours\n", "")


def test_ids_that_no_label_can_hold(run_command):
    ids = {"dag_id": "需要予測", "task_id": "-x" * 60, "run_id": "manual__2026-01-01T00:00:00+00:00"}
    words = [f"--{key.replace('_', '-')}={value}" for key, value in ids.items()]
    answers = {JOBS: {"items": [job("long", **OURS | ids)]}}
    assert run_command(job_of_task, answers, "--namespace", "ml", *words)[:2] == (0, "long uid-long\n")


def test_of_several_jobs_the_newest(find):
    jobs = [job(f"try-{day}", created=f"2026-01-0{day}T00:00:00Z", **OURS) for day in (2, 3, 1)]
    assert find(jobs)[1] == "try-3 uid-try-3\n"


def test_a_mapped_task(find):
    jobs = [of_index(str(index), f"m{index}") for index in (10, 2)]
    assert find(jobs, "--map-index=2")[1] == "m2 uid-m2\n"
    code, out, err = find(jobs)
    assert (code, out) == (78, "")
    assert err == (
        "gke-job: no Job with map index -1 for DAG churn, task fit, run r1, in namespace ml; map indexes with a "
        "Job: 2, 10; set one with --map-index; see: list-jobs --namespace ml --dag-id=churn\n"
    )
    assert find([*jobs, job("whole", **OURS)])[1] == "whole uid-whole\n"


def test_no_job_of_the_task(find):
    assert find([job("by-hand")]) == (
        78,
        "",
        "gke-job: no Job for DAG churn, task fit, run r1, in namespace ml: it was deleted or removed by its TTL, or "
        "it never existed; see: list-jobs --namespace ml --dag-id=churn\n",
    )


def test_the_command_leads_to_the_same_cluster(find, monkeypatch):
    monkeypatch.setenv("GKE_JOB_CLUSTER_OPTIONS", " --context team\\ a")
    assert "see: list-jobs --context team\\ a --namespace ml --dag-id=churn\n" in find([])[2]


def test_an_id_is_quoted_in_the_command(run_command):
    words = ["--namespace", "ml", "--dag-id=a $(reboot)", "--task-id=t", "--run-id=r"]
    err = run_command(job_of_task, {JOBS: {"items": []}}, *words)[2]
    assert "see: list-jobs --namespace ml '--dag-id=a $(reboot)'" in err


def test_the_task_of_two_environments_is_said(find):
    jobs = [
        job("a", created="2026-01-01T00:00:00Z", **OURS),
        job("b", created="2026-01-02T00:00:00Z", **OURS | {"airflow_environment": "staging\n"}),
    ]
    code, out, err = find(jobs)
    assert (code, out) == (0, "b uid-b\n")
    assert err == ("gke-job: Airflow environments with this task: composer, staging; using the newest, of staging\n")


@pytest.mark.parametrize("odd", [{"name": "-a"}, {"name": 7}, {"uid": "$(x)"}, {"uid": ""}])
def test_s6_a_job_whose_name_is_none_is_passed_over(find, odd):
    found = job("a", **OURS)
    found["metadata"] |= odd
    assert find([found])[0] == 78


def test_a_list_that_cannot_be_had(find):
    assert find(error(403, "no Role")) == (77, "", "gke-job: cannot list the Jobs: no Role: ask for a Role\n")
