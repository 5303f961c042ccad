"""The end of a deletion, and which Jobs are reaped."""

import pytest
from decided_jobs import UID, job_object

from gke_jobs.deletion.reaping import reason_to_skip
from gke_jobs.deletion.waiting import describe, wait_until_gone
from gke_jobs.job_options import JobOptions
from gke_jobs.messages import ScriptError
from gke_jobs.reads import Reader


class Answers:
    """A connection whose Job is gone after so many reads, with a Pod that a finalizer holds."""

    def __init__(self, reads):
        self.left = reads

    def get_json(self, path, query=None, seconds=30.0):
        if path.endswith("/pods"):
            owner = {"kind": "Job", "uid": UID, "controller": True}
            metadata = {"name": "train-x", "finalizers": ["you.dev/\x1b[2Jhold"], "ownerReferences": [owner]}
            return {"items": [{"metadata": metadata}]}
        self.left -= 1
        uid = UID if self.left > 0 else "the-next-one"
        return {"metadata": {"uid": uid, "finalizers": ["foregroundDeletion"]}}


def wait_gone(reads, seconds):
    passed = []
    connection = Answers(reads)
    options = JobOptions(
        connection=connection, namespace="ml", job="train", uid=UID, reader=Reader(connection=connection), others=None
    )
    wait_until_gone(options, seconds, sleep=passed.append, clock=lambda: sum(passed))
    return sum(passed)


def test_v6_the_end_of_a_deletion_is_waited_for_with_a_heartbeat(capsys):
    assert wait_gone(250, 600) == 124.5
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "Job train still exists after 60 s: finalizers you.dev/" in lines[0]
    assert "block the deletion of its Pod train-x" in lines[0]
    assert "\x1b" not in lines[0]


def test_v6_and_not_for_ever():
    with pytest.raises(
        ScriptError, match=r"Job train still exists after 10 s: .*block the deletion of its " r"Pod"
    ) as ended:
        wait_gone(10**9, 10)
    assert ended.value.status == 124


def test_what_holds_a_deletion():
    pods = [{"metadata": {"name": f"p{number}"}} for number in range(5)]
    assert describe({}, pods) == "waiting for the termination of p0, p1, p2 and 2 more Pods"
    assert describe({}, []) == "waiting for Kubernetes to delete it"
    assert "its finalizers a, b block its deletion" in describe(
        {"metadata": {"finalizers": ["orphan", "a", "b"]}}, pods
    )


OURS = {"app.kubernetes.io/managed-by": "gke-job"}


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (None, "already deleted"),
        ({}, "already deleted"),
        (job_object(uid="other"), "already deleted"),
        (job_object(), "not created by this toolkit"),
        (job_object(labels=OURS), "Airflow environment '', not prod"),
        (job_object(labels=OURS, annotations={"gke-job/airflow-environment": "x\n\x1b"}), "environment 'x"),
        (job_object(labels=OURS, annotations={"gke-job/airflow-environment": "prod"}), ""),
        (
            job_object(labels=OURS, annotations={"gke-job/airflow-environment": "prod"})
            | {"status": {"conditions": [{"type": "Failed", "status": "True"}]}},
            "finished",
        ),
    ],
)
def test_which_jobs_are_reaped(job, reason):
    found = reason_to_skip(job, UID, "prod")
    assert reason in found
    assert bool(reason) == bool(found)
    assert found.isprintable()
