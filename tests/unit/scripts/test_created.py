"""Which Job a submit that was interrupted has created."""

import json

import pytest
from decided_jobs import UID, job_object

from gke_jobs.rendering.plan import Plan
from gke_jobs.submission.created import created_uid, is_current, is_job_of_plan


@pytest.mark.parametrize(
    ("kind", "name", "labels", "annotations", "uid"),
    [
        ("Job", "train", {"gke-job/identity": "me"}, {"gke-job/manifest-hash": "aaaa"}, UID),
        ("Job", "train", {"gke-job/identity": "me"}, {"gke-job/manifest-hash": "bbbb"}, ""),
        ("Job", "train", {"gke-job/identity": "me"}, {}, ""),
        ("Job", "train", {"gke-job/identity": "you"}, {"gke-job/manifest-hash": "aaaa"}, ""),
        ("Job", "other", {"gke-job/identity": "me"}, {"gke-job/manifest-hash": "aaaa"}, ""),
        ("Status", "train", {"gke-job/identity": "me"}, {"gke-job/manifest-hash": "aaaa"}, ""),
    ],
)
def test_s4_an_answer_or_a_job_found_after_an_interruption_is_ours_only_with_our_manifest_hash(
    tmp_path, kind, name, labels, annotations, uid
):
    plan = Plan(name="train", namespace="ml", identity="me", hash="aaaa", profile="", owned=())
    answer = {**job_object(name=name, labels=labels, annotations=annotations), "kind": kind}
    (tmp_path / "kubectl-output").write_text(json.dumps(answer))
    assert created_uid(tmp_path / "kubectl-output", plan) == uid
    assert is_job_of_plan(answer, plan) == bool(uid)


@pytest.mark.parametrize(
    ("metadata", "conditions", "expected"),
    [
        ({}, [], True),
        ({"deletionTimestamp": "2026-11-27T12:00:00Z"}, [], False),
        ({}, ["Suspended", "FailureTarget"], True),
        ({}, ["SuccessCriteriaMet"], False),
        ({}, ["SuccessCriteriaMet", "Complete"], False),
        ({}, ["Failed"], False),
    ],
)
def test_an_interrupted_run_deletes_no_job_that_is_finished_or_being_deleted(metadata, conditions, expected):
    status = {"conditions": [{"type": condition, "status": "True"} for condition in conditions]}
    assert is_current({"metadata": metadata, "status": status}) is expected
