"""What a submit does about the Job that has its name: a table."""

import json
import re
from pathlib import Path

import pytest

from gke_jobs import labels
from gke_jobs.deletion.reaping import reason_to_skip
from gke_jobs.deletion.waiting import describe, wait_until_gone
from gke_jobs.job_options import JobOptions
from gke_jobs.messages import ScriptError
from gke_jobs.reads import Reader
from gke_jobs.rendering.last_attempt import LastAttempt
from gke_jobs.rendering.plan import Owned, Plan, read_plan, set_owner, summary, write_plan
from gke_jobs.submission.created import created_uid, is_of
from gke_jobs.submission.decisions import (
    Attach,
    Create,
    Memory,
    Refuse,
    Render,
    Replace,
    Request,
    Wait,
    created,
    decide,
    needs_pods,
)
from gke_jobs.submission.facts import PROFILE, Facts, read_facts
from gke_jobs.submission.owned_object import evaluate

UID = "11111111-1111-1111-1111-111111111111"


def there(*conditions, **fields):
    return Facts(**{"uid": UID, "identity": "me", "hash": "aaaa", "conditions": frozenset(conditions)} | fields)


def asked(**fields):
    return Request(**{"name": "train", "identity": "me", "hash": "aaaa"} | fields)


OTHER = {"hash": "bbbb"}
CLEARED = {"cleared": True, "replaces_running": True, "try_number": 3}
ATTACH, COLLECT, REPLACE = Attach(UID, complete_owned=True), Attach(UID, complete_owned=False), Replace(UID)
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
        "wait for it, give --name NAME to run another Job in parallel, give --on-change attach",
    ),
    (
        "complete, other manifest, by hand",
        there("Complete", **OTHER),
        {"is_manual": True},
        REPLACE,
        "it is complete, but from another manifest .*; --name NAME keeps it and runs another Job",
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
    decision = decide(facts, asked(**request_), Memory())
    said = " ".join(decision.messages)
    if action is Refuse:
        assert isinstance(decision.action, Refuse)
        assert decision.action.status == 65
        said = decision.action.message
    else:
        assert decision.action == action
    assert bool(said) == bool(words)
    assert re.search(words, said)
    assert decision.memory.found == ("" if facts is None else UID)


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
    assert decide(facts, asked(), Memory(found=found)).action == action


@pytest.mark.parametrize("on_change", ["fail", "attach", "replace"])
@pytest.mark.parametrize("found", ["", "another-uid"])
def test_s4_of_another_manifest_it_is_not_taken_either(found, on_change):
    for condition in ("Complete", "SuccessCriteriaMet"):
        decision = decide(there(condition, **OTHER), asked(on_change=on_change), Memory(found=found))
        assert isinstance(decision.action, Refuse)
        assert decision.action.status == 65
        assert "run again" in decision.action.message
    decision = decide(there("Failed", **OTHER), asked(on_change=on_change), Memory(found=found))
    assert (decision.action, decision.messages) == (REPLACE, ["replacing Job train: it failed"])


@pytest.mark.parametrize("on_change", ["fail", "attach", "replace"])
@pytest.mark.parametrize("condition", ["Complete", "SuccessCriteriaMet", "Failed", "FailureTarget"])
@pytest.mark.parametrize("facts", [{"hash": "bbbb"}, {"hash": ""}, {"identity": "you"}, {"identity": "you", **OTHER}])
@pytest.mark.parametrize("found", [None, "", UID, "another-uid"])
def test_s4_a_finished_job_without_our_identity_and_manifest_hash_is_never_attached_to(
    facts, condition, on_change, found
):
    decision = decide(there(condition, **facts), asked(on_change=on_change), Memory(found=found))
    assert not isinstance(decision.action, Attach)


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
    (tmp_path / "changed").write_text(json.dumps(answer))
    assert created_uid(tmp_path / "changed", plan) == uid
    assert is_of(answer, plan) == bool(uid)


FAILED = {"profile": "small", "conditions": frozenset({"Failed"})}


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
    first = decide(facts, asked(profile=profile, **request), Memory())
    if step is None:
        assert not isinstance(first.action, Render)
        return
    assert (first.action, first.messages) == (step, [])
    second = decide(facts, asked(profile=rendered, **request), first.memory)
    assert not isinstance(second.action, Render)
    assert words in " ".join(second.messages)
    third = decide(facts, asked(profile=rendered, **request), second.memory)
    assert not isinstance(third.action, Render)


def test_without_escalate_no_pods_are_read_and_nothing_is_rendered_anew():
    facts = there(**FAILED, oom_killed=True)
    assert not needs_pods(facts, asked(profile="small"))
    assert needs_pods(facts, asked(profile="small", escalate=True))
    assert needs_pods(facts, asked(profile="small", fallback=True))
    assert decide(facts, asked(profile="other"), Memory()).action == REPLACE


def test_a_cleared_task_that_replaces_a_job_begins_with_its_own_profile():
    facts = there(profile="large", try_number=2)
    decision = decide(facts, asked(profile="small", escalate=True, **CLEARED), Memory())
    assert decision.action == REPLACE
    assert "starting with profile small, not large" in decision.messages[0]


@pytest.mark.parametrize(("try_number", "last", "said"), [(0, "", 1), (1, "", 1), (2, "", 2), (2, "small", 1)])
def test_created(try_number, last, said):
    request = asked(escalate=True, profile="small", try_number=try_number)
    decision = created(UID, request, "ml", Memory(found="", last_profile=last))
    assert decision.action == ATTACH
    assert len(decision.messages) == said
    assert decision.messages[-1] == "created Job train ml"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("", "the Job of the last attempt no longer exists: starting with profile small"),
        (UID, "the Job of the last attempt does not name its profile: starting with profile small"),
    ],
)
def test_created_without_the_profile_of_the_last_attempt(found, said):
    request = asked(escalate=True, profile="small", try_number=2)
    assert created("another", request, "ml", Memory(found=found)).messages[0] == said


def job_object(**metadata):
    return {"kind": "Job", "metadata": {"uid": UID, "name": "train", **metadata}, "status": {}}


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


PLANNED = {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}}


def config_map(owners=(UID,), identity="me", **content):
    references = [{"uid": owner} for owner in owners]
    return {
        "kind": "ConfigMap",
        "metadata": {"labels": {"gke-job/identity": identity}, "ownerReferences": references},
        **({"data": {"a": "1"}} | content),
    }


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (config_map(), "ours"),
        (config_map(owners=["former"]), "former"),
        (config_map(owners=["former"], data={"b": "2"}), "former"),
        (config_map(identity="you"), "does not belong to a Job of this task"),
        (config_map(owners=[]), "does not belong to a Job of this task"),
        ({}, "does not belong to a Job of this task"),
        (config_map(data={"a": "2"}), "a content that differs"),
        (config_map(data={"a": "1", "b": "2"}), "a content that differs"),
        (config_map(binaryData={"c": "AA=="}), "a content that differs"),
    ],
)
def test_s5_whose_an_object_is(found, word):
    call = {"name": "ConfigMap/x", "identity": "me", "uid": UID}
    if word in ("ours", "former"):
        assert evaluate(found, PLANNED, **call) == word
        return
    with pytest.raises(ScriptError, match=word) as ended:
        evaluate(found, PLANNED, **call)
    assert ended.value.status == 65


def test_s5_the_defaults_of_the_api_server_are_no_other_content():
    planned = {"kind": "Service", "metadata": {}, "spec": {"clusterIP": "None", "ports": [{"port": 1}], "selector": {}}}
    found = {
        **config_map(),
        **planned,
        "spec": {"clusterIP": "None", "ports": [{"port": 1, "protocol": "TCP"}], "x": 1},
    }
    found["metadata"] = config_map()["metadata"]
    assert evaluate(found, planned, name="Service/x", identity="me", uid=UID) == "ours"


def test_the_plan_is_what_was_rendered(tmp_path):
    job = {
        "metadata": {
            "name": "train",
            "labels": {"gke-job/identity": "me"},
            "annotations": {"gke-job/manifest-hash": "aaaa"},
        }
    }
    plan = write_plan([job, PLANNED], tmp_path)
    assert read_plan(tmp_path) == plan
    assert plan == Plan(
        name="train",
        namespace="",
        identity="me",
        hash="aaaa",
        profile="",
        owned=(Owned(object="ConfigMap/x", file="owned-0.json"),),
    )
    assert summary(plan) == "train\nConfigMap/x owned-0.json\n"
    assert json.loads((tmp_path / "job.json").read_text()) == job
    set_owner(plan, tmp_path, UID)
    owners = json.loads((tmp_path / "owned-0.json").read_text())["metadata"]["ownerReferences"]
    assert [owner["uid"] for owner in owners] == [UID]


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


def test_the_annotations_of_the_scripts_are_those_of_the_package():
    library = (Path(__file__).parents[3] / "scripts/lib/bash/job.bash").read_text()
    named = dict(re.findall(r"^readonly ([A-Z]+)_ANNOTATION=(\S+)$", library, re.MULTILINE))
    assert named == {"COLLECTED": labels.COLLECTED, "UNSCHEDULED": labels.UNSCHEDULED}


def test_the_words_of_the_decisions_are_those_of_rendering():
    from gke_jobs.rendering.profiles import NAME

    assert PROFILE.pattern == NAME.pattern
