"""What a submit makes of an attempt that was lost to preemption or got no nodes: the facts, and the next attempt."""

import re

import pytest
from test_submission import ATTACH, FAILED, REPLACE, UID, asked, job_object, there

from gke_jobs.rendering.last_attempt import LastAttempt
from gke_jobs.submission.decisions import Memory, Render, decide, read_facts


def fall_back(profile, **how):
    return Render(LastAttempt(profile=profile, fallback=True, **how))


@pytest.mark.parametrize(
    ("facts", "step", "rendered", "words"),
    [
        (there(**FAILED), None, "small", ""),
        (there(**FAILED, oom_killed=True), None, "small", ""),
        (there(profile="small", lost=True), None, "small", ""),  # not failed yet
        (there(profile="other"), fall_back("other"), "other", "the last attempt had profile other: it stays"),
        (
            there(**FAILED, lost=True),
            fall_back("small", lost=1),
            "other",
            "had profile small, with which 1 attempt was lost to preemption: taking other",
        ),
        (
            there(**FAILED, lost=True, lost_attempts=1),
            fall_back("small", lost=2),
            "small",
            "had profile small, with which 2 attempts were lost to preemption: it stays",
        ),
        (there(**FAILED, lost_attempts=2), fall_back("small", lost=2), "small", "2 attempts were lost to preemption"),
        (
            there(profile="small", unscheduled=True),
            fall_back("small", unscheduled=True),
            "other",
            "got no nodes in time on profile small: taking other.*replacing Job train: it failed",
        ),
        (
            there(**FAILED, unscheduled=True),
            fall_back("small", unscheduled=True),
            "small",
            "got no nodes in time on profile small, which has no fallback: it stays",
        ),
    ],
)
def test_fallback(facts, step, rendered, words):
    request = {"fallback": True, "on_change": "fail"}
    first = decide(facts, asked(profile="small", **request), Memory())
    if step is None:
        assert not isinstance(first.action, Render)
        return
    assert (first.action, first.messages) == (step, [])
    second = decide(facts, asked(profile=rendered, **request), first.memory)
    assert second.action == (ATTACH if facts.profile == "other" else REPLACE)
    assert re.search(words, " ".join(second.messages))


def test_fallback_and_escalation_together():
    request = asked(profile="small", escalate=True, fallback=True)
    facts = there(**FAILED, oom_killed=True, lost=True)
    last = LastAttempt(profile="small", oom=True, lost=1, escalate=True, fallback=True)
    assert decide(facts, request, Memory()).action == Render(last)


def test_a_job_that_was_ended_because_it_got_no_nodes_is_replaced_without_fallback_too():
    assert decide(there(unscheduled=True), asked(), Memory()).action == REPLACE


DISRUPTED = {"type": "DisruptionTarget", "status": "True"}
OWNER = {"kind": "Job", "uid": UID, "controller": True}


def failed_pod(*conditions, owners=(OWNER,)):
    return {"metadata": {"ownerReferences": [*owners]}, "status": {"phase": "Failed", "conditions": [*conditions]}}


@pytest.mark.parametrize(
    ("reason", "message", "pods", "lost"),
    [
        ("PodFailurePolicy", "Pod ml/x has condition DisruptionTarget matching FailJob rule at index 0", [], True),
        ("PodFailurePolicy", "Container main for pod ml/x failed with exit code 2 matching FailJob rule", [], False),
        ("DeadlineExceeded", "", [failed_pod(DISRUPTED)], True),
        ("DeadlineExceeded", "", [failed_pod()], False),
        ("DeadlineExceeded", "", [failed_pod(DISRUPTED, owners=())], False),
        ("BackoffLimitExceeded", "", [failed_pod(DISRUPTED)], True),
        ("BackoffLimitExceeded", "", [failed_pod(DISRUPTED), failed_pod()], False),
        ("BackoffLimitExceeded", "", [], False),
    ],
)
def test_which_attempts_were_lost_to_preemption(reason, message, pods, lost):
    job = job_object(annotations={"gke-job/lost-attempts": "3"})
    job["status"]["conditions"] = [{"type": "Failed", "status": "True", "reason": reason, "message": message}]
    facts = read_facts(job, pods)
    assert (facts.lost, facts.lost_attempts) == (lost, 3)


@pytest.mark.parametrize(("condition", "unscheduled"), [("Failed", True), ("SuccessCriteriaMet", False)])
def test_a_job_that_succeeded_after_all_did_not_lack_nodes(condition, unscheduled):
    job = job_object(annotations={"gke-job/unscheduled": "true", "gke-job/lost-attempts": "-1"})
    job["status"]["conditions"] = [{"type": condition, "status": "True"}]
    facts = read_facts(job, [])
    assert (facts.unscheduled, facts.lost_attempts) == (unscheduled, 0)
