"""What a submit makes of an attempt that was lost to preemption or got no nodes: the facts, and the next attempt."""

import re

import pytest
from decided_jobs import ATTACH, FAILED, REPLACE, UID, asked, job_object, there

from gke_jobs.rendering.last_attempt import LastAttempt
from gke_jobs.submission.decisions import Render, SubmitState, Wait, decide
from gke_jobs.submission.facts import read_facts


def fall_back(profile, **how):
    return Render(LastAttempt(profile=profile, fallback=True, **how))


@pytest.mark.parametrize(
    ("facts", "step", "rendered", "words"),
    [
        (there(**FAILED), None, "small", ""),
        (there(**FAILED, oom_killed=True), None, "small", ""),
        (there(profile="small", lost=True), None, "small", ""),  # not failed yet
        (
            there(profile="other"),
            fall_back("other"),
            "other",
            "the last attempt had profile other: keeping the profile",
        ),
        (
            there(**FAILED, lost=True),
            fall_back("small", lost=1),
            "other",
            "had profile small, with which 1 attempt was lost to preemption: using other",
        ),
        (
            there(**FAILED, lost=True, lost_attempts=1),
            fall_back("small", lost=2),
            "small",
            "had profile small, with which 2 attempts were lost to preemption: keeping the profile",
        ),
        (there(**FAILED, lost_attempts=2), fall_back("small", lost=2), "small", "2 attempts were lost to preemption"),
        (
            there(profile="small", unscheduled=60),
            fall_back("small", unscheduled=60),
            "other",
            "got no nodes within 60 s with profile small: using other.*replacing Job train: it failed",
        ),
        (
            there(**FAILED, unscheduled=60),
            fall_back("small", unscheduled=60),
            "small",
            "got no nodes within 60 s with profile small, which has no fallback: keeping the profile",
        ),
        (
            there(**FAILED, unscheduled=60, lost_attempts=1),
            fall_back("small", unscheduled=60, lost=1),
            "other",
            "got no nodes within 60 s with profile small, and had profile small, with which 1 attempt was lost",
        ),
        (
            there(**FAILED, lost=True, lost_attempts=999_999),
            fall_back("small", lost=999_999),
            "other",
            "999999 attempts were lost to preemption: using other",
        ),
    ],
)
def test_fallback(facts, step, rendered, words):
    request = {"fallback": True, "on_change": "fail"}
    first = decide(facts, asked(profile="small", **request), SubmitState())
    if step is None:
        assert not isinstance(first.action, Render)
        return
    assert (first.action, first.messages) == (step, [])
    second = decide(facts, asked(profile=rendered, **request), first.state)
    assert second.action == (ATTACH if facts.profile == "other" else REPLACE)
    assert re.search(words, " ".join(second.messages))


@pytest.mark.parametrize(
    ("how", "rendered", "words"),
    [
        (
            {"lost": 1},
            "large",
            "OOMKilled with profile small, and had .* 1 attempt was lost to preemption: using large",
        ),
        (
            {"unscheduled": 9},
            "small",
            "9 s with profile small, which has no larger profile and no fallback: keeping the profile",
        ),
    ],
)
def test_fallback_and_escalation_together(how, rendered, words):
    request = {"escalate": True, "fallback": True}
    facts = there(**FAILED, oom_killed=True, **how)
    last = LastAttempt(profile="small", oom=True, escalate=True, fallback=True, **how)
    first = decide(facts, asked(profile="small", **request), SubmitState())
    assert first.action == Render(last)
    assert re.search(words, " ".join(decide(facts, asked(profile=rendered, **request), first.state).messages))


def test_a_job_that_was_ended_because_it_got_no_nodes_is_replaced_without_fallback_too():
    assert decide(there(unscheduled=60), asked(), SubmitState()).action == REPLACE


@pytest.mark.parametrize(
    ("job", "action"),
    [
        ({**FAILED, "lost": True, "lost_attempts": 1}, REPLACE),
        ({"conditions": frozenset({"Complete"}), "collected": True}, REPLACE),
        ({"unscheduled": 60}, REPLACE),
        ({"deleting": True}, Wait(UID)),
    ],
)
def test_a_task_that_was_cleared_begins_with_its_own_profile_and_counts_anew(job, action):
    request = asked(profile="small", cleared=True, fallback=True, escalate=True, hash="0123")
    decision = decide(there(**{**job, "profile": "other"}), request, SubmitState())
    assert decision.action == action
    assert decision.messages[0] == ("the task was cleared: starting with profile small, not other of the last attempt")
    assert not re.search(
        "profile", " ".join(decide(there(**{**job, "profile": "small"}), request, SubmitState()).messages)
    )


@pytest.mark.parametrize("job", [{}, {"conditions": frozenset({"Complete"})}])
def test_a_task_that_was_cleared_takes_the_job_that_runs_or_whose_result_it_lacks(job):
    request = asked(profile="small", cleared=True, fallback=True)
    assert decide(there(**job, profile="other"), request, SubmitState()).action == fall_back("other")


DISRUPTED = {"type": "DisruptionTarget", "status": "True"}
OWNER = {"kind": "Job", "uid": UID, "controller": True}


def failed_pod(*conditions, owners=(OWNER,)):
    return {"metadata": {"ownerReferences": [*owners]}, "status": {"phase": "Failed", "conditions": [*conditions]}}


@pytest.mark.parametrize(
    ("reason", "message", "pods", "lost"),
    [
        ("PodFailurePolicy", "Pod ml/x has condition DisruptionTarget matching FailJob rule at index 0", [], True),
        ("PodFailurePolicy", "Container main for pod ml/x failed with exit code 2 matching FailJob rule", [], False),
        ("PodFailurePolicy", "Pod ml/x has condition a.b/DisruptionTarget matching FailJob rule at index 0", [], False),
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


@pytest.mark.parametrize(("condition", "unscheduled"), [("Failed", 60), ("SuccessCriteriaMet", 0)])
def test_a_job_that_succeeded_after_all_did_not_lack_nodes(condition, unscheduled):
    job = job_object(annotations={"gke-job/unscheduled": "60"})
    job["status"]["conditions"] = [{"type": condition, "status": "True"}]
    assert read_facts(job, []).unscheduled == unscheduled


STRANGE = ["x; rm", "-1", "1e9", "0x10", "9" * 5000, "\u0663", "1\n", " 1", "", "true", 7, ["1"], {"a": 1}, None]


@pytest.mark.parametrize("text", STRANGE)
def test_an_annotation_that_is_no_number_counts_as_none(text):
    job = job_object(annotations={"gke-job/unscheduled": text, "gke-job/lost-attempts": text})
    facts = read_facts(job, [])
    assert (facts.unscheduled, facts.lost_attempts) == (0, 0)


def test_a_count_has_an_end():
    facts = read_facts(job_object(annotations={"gke-job/lost-attempts": "999999999"}), [])
    assert facts.lost_attempts == 999_999
