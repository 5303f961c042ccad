"""What a submit does about the Job that has its name: a table."""

import re
from pathlib import Path

import pytest
from decided_jobs import ATTACH, CLEARED, COLLECT, FAILED, OTHER, REPLACE, UID, asked, job_object, there

from gke_jobs import labels
from gke_jobs.rendering.last_attempt import LastAttempt
from gke_jobs.rendering.profiles import NAME
from gke_jobs.submission.decisions import (
    Attach,
    Create,
    Refuse,
    Render,
    SubmitState,
    Wait,
    created,
    decide,
    needs_pods,
)
from gke_jobs.submission.facts import PROFILE, Facts, read_facts

CASES = [
    ("there is none", None, {}, Create(), ""),
    ("of somebody else", there(identity="you"), {}, Refuse, "exists and belongs to another task"),
    ("of nobody", there(identity=""), {}, Refuse, "exists and belongs to another task"),
    ("of somebody else, being deleted", there(identity="you", deleting=True), {}, Refuse, "belongs to another task"),
    ("running", there(), {}, ATTACH, "it is still running"),
    ("suspended", there("Suspended"), {}, ATTACH, "it is still running"),
    ("about to be complete", there("SuccessCriteriaMet"), {}, ATTACH, "it is still running"),
    (
        "running, other manifest",
        there(**OTHER),
        {},
        Refuse,
        r"is still running, from another manifest \(bbbb, now " r"aaaa\)",
    ),
    (
        "running, other manifest, by hand",
        there(**OTHER),
        {"is_manual": True},
        Refuse,
        "wait for it, give another --name to run both Jobs, give --on-change attach",
    ),
    (
        "complete, other manifest, by hand",
        there("Complete", **OTHER),
        {"is_manual": True},
        REPLACE,
        "it is complete, but from another manifest .*; to keep it, give another --name",
    ),
    ("running, other, attach", there(**OTHER), {"on_change": "attach"}, COLLECT, "attaching .* another manifest"),
    ("running, other, replace", there(**OTHER), {"on_change": "replace"}, REPLACE, "replacing Job .* another manifest"),
    ("running, hostile hash", there(hash="\n$(x)"), {}, Refuse, r"\(unknown, now aaaa\)"),
    ("being deleted", there(deleting=True), {}, Wait(UID), "is being deleted: waiting until it is removed"),
    ("complete, being deleted", there("Complete", deleting=True), {}, Wait(UID), "is being deleted"),
    ("complete", there("Complete"), {}, COLLECT, "it is complete and its result was not collected"),
    ("collected", there("Complete", collected=True), {}, REPLACE, "complete, and its result was collected"),
    ("S4: complete, other manifest", there("Complete", **OTHER), {}, REPLACE, "it is complete, but from another"),
    (
        "S4: the same, attach",
        there("Complete", **OTHER),
        {"on_change": "attach"},
        REPLACE,
        "complete, but from another",
    ),
    ("S4: succeeded, other manifest", there("SuccessCriteriaMet", **OTHER), {}, REPLACE, "complete, but from another"),
    (
        "S4: the same, attach",
        there("SuccessCriteriaMet", **OTHER),
        {"on_change": "attach"},
        REPLACE,
        "complete, but from another",
    ),
    ("cleared: of an earlier try", there(try_number=2), CLEARED, REPLACE, "Job train of try 2: the task was cleared"),
    ("cleared: the same, other manifest", there(try_number=2, **OTHER), CLEARED, REPLACE, "the task was cleared"),
    ("cleared: of this try", there(try_number=3), CLEARED, ATTACH, "it is still running"),
    ("cleared: of no try", there(), CLEARED, ATTACH, "it is still running"),
    ("cleared: succeeded", there("SuccessCriteriaMet", try_number=2), CLEARED, ATTACH, "it is still running"),
    ("cleared: complete", there("Complete", try_number=2), CLEARED, COLLECT, "its result was not collected"),
    ("cleared, to attach", there(try_number=2), {**CLEARED, "replaces_running": False}, ATTACH, "it is still running"),
    ("failed", there("Failed"), {}, REPLACE, "replacing Job train: it failed"),
    ("failing", there("FailureTarget"), {}, REPLACE, "it failed"),
    ("failed, other manifest", there("Failed", **OTHER), {}, REPLACE, "it failed"),
]


@pytest.mark.parametrize(("facts", "request_", "action", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_first_look(facts, request_, action, words):
    decision = decide(facts, asked(**request_), SubmitState())
    said = " ".join(decision.messages)
    if action is Refuse:
        assert isinstance(decision.action, Refuse)
        assert decision.action.status == 65
        said = decision.action.message
    else:
        assert decision.action == action
    assert bool(said) == bool(words)
    assert re.search(words, said)
    assert decision.state.found == ("" if facts is None else UID)


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        (there("Failed"), ATTACH),
        (there("Complete"), COLLECT),
        (there("Complete", collected=True), COLLECT),
        (there(), ATTACH),
    ],
)
@pytest.mark.parametrize("found", ["", "another-uid"])
def test_a_job_that_was_not_there_at_first_is_never_replaced_because_it_has_ended(facts, action, found):
    assert decide(facts, asked(), SubmitState(found=found)).action == action


@pytest.mark.parametrize("on_change", ["fail", "attach", "replace"])
@pytest.mark.parametrize("found", ["", "another-uid"])
def test_s4_of_another_manifest_it_is_not_taken_either(found, on_change):
    for condition in ("Complete", "SuccessCriteriaMet"):
        decision = decide(there(condition, **OTHER), asked(on_change=on_change), SubmitState(found=found))
        assert isinstance(decision.action, Refuse)
        assert decision.action.status == 65
        assert "run again" in decision.action.message
    decision = decide(there("Failed", **OTHER), asked(on_change=on_change), SubmitState(found=found))
    assert (decision.action, decision.messages) == (REPLACE, ["replacing Job train: it failed"])


@pytest.mark.parametrize("on_change", ["fail", "attach", "replace"])
@pytest.mark.parametrize("condition", ["Complete", "SuccessCriteriaMet", "Failed", "FailureTarget"])
@pytest.mark.parametrize("facts", [{"hash": "bbbb"}, {"hash": ""}, {"identity": "you"}, {"identity": "you", **OTHER}])
@pytest.mark.parametrize("found", [None, "", UID, "another-uid"])
def test_s4_a_finished_job_without_our_identity_and_manifest_hash_is_never_attached_to(
    facts, condition, on_change, found
):
    decision = decide(there(condition, **facts), asked(on_change=on_change), SubmitState(found=found))
    assert not isinstance(decision.action, Attach)


def escalate(profile, **how):
    return Render(LastAttempt(profile=profile, escalate=True, **how))


@pytest.mark.parametrize(
    ("facts", "profile", "step", "rendered", "words"),
    [
        (
            there(profile="large"),
            "small",
            escalate("large"),
            "large",
            "the last attempt had profile large: keeping the profile",
        ),
        (there(profile="large"), "small", escalate("large"), "small", ""),  # does not lead there
        (
            there(**FAILED, oom_killed=True),
            "small",
            escalate("small", oom=True),
            "large",
            "with profile small: using large",
        ),
        (
            there(**FAILED, oom_killed=True),
            "small",
            escalate("small", oom=True),
            "small",
            "which has no larger profile: keeping the profile",
        ),
        (there(**FAILED, lost=True), "small", None, "small", ""),
        (there(profile="small", oom_killed=True), "small", None, "small", ""),  # not failed yet
        (there(**FAILED), "small", None, "small", ""),
        (there(), "small", None, "small", ""),  # has no profile
    ],
)
def test_escalation(facts, profile, step, rendered, words):
    request = {"escalate": True, "hash": "cccc", "on_change": "replace"}
    first = decide(facts, asked(profile=profile, **request), SubmitState())
    if step is None:
        assert not isinstance(first.action, Render)
        return
    assert (first.action, first.messages) == (step, [])
    second = decide(facts, asked(profile=rendered, **request), first.state)
    assert not isinstance(second.action, Render)
    assert words in " ".join(second.messages)
    third = decide(facts, asked(profile=rendered, **request), second.state)
    assert not isinstance(third.action, Render)


def test_without_escalate_no_pods_are_read_and_nothing_is_rendered_anew():
    facts = there(**FAILED, oom_killed=True)
    assert not needs_pods(facts, asked(profile="small"))
    assert needs_pods(facts, asked(profile="small", escalate=True))
    assert needs_pods(facts, asked(profile="small", fallback=True))
    assert decide(facts, asked(profile="other"), SubmitState()).action == REPLACE


def test_a_cleared_task_that_replaces_a_job_begins_with_its_own_profile():
    facts = there(profile="large", try_number=2)
    decision = decide(facts, asked(profile="small", escalate=True, **CLEARED), SubmitState())
    assert decision.action == REPLACE
    assert "starting with profile small, not large" in decision.messages[0]


@pytest.mark.parametrize(("try_number", "last", "said"), [(0, "", 1), (1, "", 1), (2, "", 2), (2, "small", 1)])
def test_created(try_number, last, said):
    request = asked(escalate=True, profile="small", try_number=try_number)
    decision = created(UID, request, "ml", SubmitState(found="", last_profile=last))
    assert decision.action == ATTACH
    assert len(decision.messages) == said
    assert decision.messages[-1] == "created Job train in namespace ml"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("", "the Job of the last attempt no longer exists: starting with profile small"),
        (UID, "the Job of the last attempt has no profile: starting with profile small"),
    ],
)
def test_created_without_the_profile_of_the_last_attempt(found, said):
    request = asked(escalate=True, profile="small", try_number=2)
    assert created("another", request, "ml", SubmitState(found=found)).messages[0] == said


def test_facts_of_a_job():
    job = job_object(
        labels={"gke-job/identity": "me"},
        annotations={"gke-job/manifest-hash": "aaaa", "gke-job/profile": "small", "gke-job/collected": "now"},
        deletionTimestamp="2026-01-01T00:00:00Z",
    )
    job["status"]["conditions"] = [{"type": "Failed", "status": "True"}, {"type": "Complete", "status": "False"}]
    facts = read_facts(job, [])
    assert facts == there("Failed", profile="small", collected=True, deleting=True)


@pytest.mark.parametrize("profile", ["--after x", "a b", "$(x)", "-x", "x\n", ["x"], 7])
def test_what_is_no_name_of_a_profile_is_none(profile):
    assert read_facts(job_object(annotations={"gke-job/profile": profile}), []).profile == ""


@pytest.mark.parametrize("garbage", [{}, [], "x", {"metadata": 1, "status": {"conditions": [7, None]}}])
def test_whatever_comes_is_no_exception(garbage):
    assert read_facts(garbage, [garbage]) == Facts(uid="")


def test_s3_oom_killed_counts_only_where_the_job_controls_the_pod():
    ended = {"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}
    owner = {"kind": "Job", "uid": UID, "controller": True}
    pod = {"metadata": {"ownerReferences": [owner]}, "status": ended}
    stranger = {"metadata": {"labels": {"batch.kubernetes.io/controller-uid": UID}}, "status": ended}
    assert read_facts(job_object(), [pod]).oom_killed
    assert not read_facts(job_object(), [stranger]).oom_killed


def test_the_annotations_of_the_scripts_are_those_of_the_package():
    library = (Path(__file__).parents[3] / "scripts/lib/bash/job.bash").read_text()
    named = dict(re.findall(r"^readonly ([A-Z]+)_ANNOTATION=(\S+)$", library, re.MULTILINE))
    assert named == {"COLLECTED": labels.COLLECTED, "UNSCHEDULED": labels.UNSCHEDULED}


def test_the_words_of_the_decisions_are_those_of_rendering():
    assert PROFILE.pattern == NAME.pattern
