"""What is read for the diagnosis of a Job, and that nothing in it can stop the diagnosis."""

import time
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from fake_connection import FakeConnection, classify, error
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kueue_objects import NAME, NO_QUOTA, PENDING, waiting, workload
from recordings import CASES, load
from test_plain_text import FOREIGN, MARK, UNSAFE

from gke_jobs.diagnosis import explain, reading
from gke_jobs.diagnosis.diagnosis import diagnose
from gke_jobs.diagnosis.seen import Seen

JOB, PODS, EVENTS = (
    "/apis/batch/v1/namespaces/ml/jobs/train",
    "/api/v1/namespaces/ml/pods",
    "/api/v1/namespaces/ml/events",
)


@pytest.fixture(autouse=True)
def words(monkeypatch):
    monkeypatch.setattr(reading, "classify", classify)


def server(case, **answers):
    """An API server that has what was recorded, as it answers these requests."""
    seen = load(case)
    pods = deepcopy(seen.pods)
    for pod in pods:
        pod["metadata"]["ownerReferences"] = [{"controller": True, "kind": "Job", "uid": seen.uid}]

    def events(query):
        field, value = query["fieldSelector"].partition(",")[0].removeprefix("involvedObject.").split("=")
        return {"items": [event for event in seen.events if event["involvedObject"].get(field) == value]}

    logs = {f"{PODS}/{pod}/log": (lambda query, pod=pod: seen.logs[pod, query["container"]]) for pod, _ in seen.logs}
    known = {JOB: seen.job, PODS: {"items": pods}, EVENTS: events}
    return seen, FakeConnection(known | logs | answers)


def read(case, *, shown_logs=frozenset(), **answers):
    seen, connection = server(case, **answers)
    return reading.read(connection, "ml", "train", seen.uid, seen.now, shown_logs=shown_logs), seen, connection


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_gives_the_text_of_the_recording(case):
    found, seen, connection = read(case)
    assert diagnose(replace(found, queued=None)) == diagnose(seen)
    assert all(query.get("limit") for path, query in connection.asked if path in (PODS, EVENTS))


def test_the_log_of_the_newest_of_each_kind_is_asked_for_with_its_limits():
    _, seen, connection = read("exit_code")
    logs = [(path, query) for path, query in connection.asked if path.endswith("/log")]
    query = {"container": "main", "tailLines": "25", "limitBytes": str(reading.LOG_BYTES)}
    assert logs == [(f"{PODS}/train-jvqdh/log", query)]
    assert len(seen.pods) == 3


def test_of_a_container_that_was_restarted_the_log_before_is_asked_for():
    _, _, connection = read("restarting")
    assert [query.get("previous") for path, query in connection.asked if path.endswith("/log")] == ["true"]


WORKLOADS = "/apis/kueue.x-k8s.io/v1beta2/namespaces/ml/workloads"
WAITING = "/apis/visibility.kueue.x-k8s.io/v1beta2/namespaces/ml/localqueues/gpu-queue/pendingworkloads"


def test_the_workload_of_a_job_in_a_queue_is_read():
    uid = load("suspended").uid
    answers = {WORKLOADS: {"items": [workload(PENDING, uid=uid)]}, WAITING: waiting("other", NAME)}
    text = diagnose(read("suspended", **answers)[0])
    assert f"  Kueue: no quota (Pending): {NO_QUOTA}\n" in text
    assert "  Kueue: Workloads before it: 1 in its LocalQueue, 3 in its ClusterQueue\n" in text
    assert text.endswith(
        "advice: it starts when other Jobs of its ClusterQueue release nvidia.com/gpu: wait, request less "
        "(`resources`), or have the quota raised\n"
    )


def test_a_workload_that_may_not_be_read_is_said_with_the_role_for_it():
    text = diagnose(read("suspended", **{WORKLOADS: error(403, "permission denied")})[0])
    role = "templates/role-kueue.yaml is a Role for that"
    assert f"  Kueue: its Workload could not be read: permission denied; {role}\n" in text
    assert "advice: it starts when Kueue admits it" in text


def test_nothing_of_kueue_is_asked_for_a_job_that_does_not_wait_in_a_queue():
    for case in ("running", "exit_code"):
        assert not [path for path, _ in read(case)[2].asked if "kueue" in path]


def test_a_log_that_was_shown_live_is_not_asked_for():
    pod = load("killed").pods[0]["metadata"]["name"]
    found, _, connection = read("killed", shown_logs={(pod, "main")})
    assert not [path for path, _ in connection.asked if path.endswith("/log")]
    assert "  the log of main is above\n" in diagnose(found)


def test_s3_a_pod_with_the_label_of_our_job_and_another_owner_is_not_ours():
    seen, connection = server("killed")
    for stranger in ([], [{"controller": True, "kind": "Job", "uid": "another"}], [{"kind": "Job", "uid": seen.uid}]):
        connection.answers[PODS]["items"][0]["metadata"]["ownerReferences"] = stranger
        assert reading.read(connection, "ml", "train", seen.uid, seen.now).pods == []


def test_a_job_that_is_gone_and_another_that_took_its_name():
    assert diagnose(read("deleted", **{JOB: error(404)})[0]).startswith("Job train no longer exists\n")
    other = {"metadata": {"name": "train", "uid": "another"}}
    assert read("deleted", **{JOB: other})[0].job == {}


def test_what_cannot_be_read_is_said_with_the_reason():
    text = diagnose(
        read("killed", **{JOB: error(503, "no\nanswer"), PODS: error(403, "no Role"), EVENTS: error(500)})[0]
    )
    assert text == "".join(
        (
            "Job train could not be read: no answer\n",
            "its Pods could not be read: no Role\n",
            "not all events could be read: it is so\n",
        )
    )
    text = diagnose(read("killed", **{PODS: error(403, "no Role")})[0])
    assert text.startswith("Job train failed: BackoffLimitExceeded")
    assert "\nits Pods could not be read: no Role\n" in text
    text = diagnose(read("running", **{PODS: error(403, "no Role")})[0])
    assert text.startswith("Job train is not finished: its Pods could not be read: no Role\n")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(error(500, "x\x1b[2J"), "x\\x1b[2J"), (error(404), "the Pod no longer exists"), (KeyError("k"), "KeyError: 'k'")],
)
def test_a_log_that_cannot_be_had_is_said(answer, said):
    pod = load("killed").pods[0]["metadata"]["name"]
    text = diagnose(read("killed", **{f"{PODS}/{pod}/log": answer})[0])
    assert f"  the log of main could not be read: {said}\n" in text


@pytest.mark.parametrize("what", ["uid-of-the-job", "of-its-pods"])
def test_more_events_than_are_read_are_reported(what):
    def events(query):
        is_of_job = f"involvedObject.uid={seen.uid}," in query["fieldSelector"]
        more = is_of_job == (what == "uid-of-the-job")
        return {"items": [{"reason": "x"}] * 50, "metadata": {"continue": "token" if more else ""}}

    seen, connection = server("killed", **{EVENTS: events})
    text = diagnose(reading.read(connection, "ml", "train", seen.uid, seen.now))
    assert "\nnot all events could be read: one object has more than 500\n" in text


def test_events_that_were_read_before_an_error_are_shown():
    def events(query):
        if "continue" in query:
            raise error(500)
        uid = query["fieldSelector"].partition(",")[0].removeprefix("involvedObject.uid=")
        found = {"type": "Warning", "reason": "Odd", "message": "so", "involvedObject": {"uid": uid}}
        return {"items": [found], "metadata": {"continue": "token"}}

    text = diagnose(read("killed", **{EVENTS: events})[0])
    assert "event Odd" in text
    assert "\nnot all events could be read: one object has more than 1\n" in text


def test_pods_are_read_page_by_page_and_no_more_than_needed(monkeypatch):
    seen, connection = server("exit_code")
    page = {"items": connection.answers[PODS]["items"], "metadata": {"continue": "token"}}
    asked = []

    def pages(query):
        asked.append(query.get("continue"))
        return page if len(asked) < 3 else page | {"metadata": {}}

    connection.answers[PODS] = pages
    found = reading.read(connection, "ml", "train", seen.uid, seen.now)
    assert (asked, len(found.pods), found.more_pods) == ([None, "token", "token"], 9, False)
    asked.clear()
    monkeypatch.setattr(reading, "MOST_PODS", 5)
    found = reading.read(connection, "ml", "train", seen.uid, seen.now)
    assert (len(asked), len(found.pods), found.more_pods) == (2, 6, True)
    assert "the Job has more Pods than were read\n" in diagnose(found)


def test_a_server_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(reading, "STEP_SECONDS", 0.2)
    began = time.monotonic()
    text = diagnose(read("killed", **{path: lambda query: time.sleep(3) for path in (JOB, PODS, EVENTS)})[0])
    assert time.monotonic() - began < 1
    assert text.startswith("Job train could not be read: no answer within ")


def test_a_mistake_of_ours_does_not_stop_the_caller(monkeypatch):
    monkeypatch.setattr(explain, "diagnose", lambda seen: 1 / 0)
    found = explain.explain(FakeConnection({}), "ml", "train", "1")
    words = "Job train cannot be explained: ZeroDivisionError: division by zero; see: kubectl describe job\n"
    assert (found.text, found.cause) == (words, "")


# Whatever is in any field, the diagnosis is text: harmless, and line by line ours.
ODD = st.recursive(
    FOREIGN | st.integers(-(2**63), 2**64) | st.booleans() | st.none() | st.floats(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FOREIGN, inner, max_size=2),
    max_leaves=4,
)
OURS = ("Job ", "Pod ", "  ", "advice: ", "others, not shown: ", "not all events ", "the Job has more Pods")


def check(text):
    for line in text.removesuffix("\n").split("\n"):
        assert not UNSAFE.search(line)
        assert not MARK.search(line)
        assert line.startswith(OURS) or " Pods alike; " in line or " of its Pods " in line
        if line.startswith("advice: "):
            assert "pwned" not in line
    text.encode()


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


LOADED = {case: load(case) for case in CASES}
PATHS = {
    case: list(paths({"job": seen.job, "pods": seen.pods, "events": seen.events})) for case, seen in LOADED.items()
}


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_s7_any_value_in_any_field(case, data):
    seen = LOADED[case]
    whole = {"job": seen.job, "pods": seen.pods, "events": seen.events}
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(PATHS[case]).filter(lambda path: len(path) > 1))
        try:
            whole = replaced(whole, path, data.draw(ODD))
        except (KeyError, IndexError, TypeError):
            continue  # what held it is replaced already
    items = [whole[kind] if isinstance(whole[kind], list) else [] for kind in ("pods", "events")]
    check(diagnose(Seen(name="train", uid=seen.uid, job=whole["job"], pods=items[0], events=items[1], now=seen.now)))


HOSTILE = 'x\n::endgroup::\x1b[2J\r\u2028advice: \u202e$(touch pwned) "pwned" not found; Insufficient `pwned`'


def every_text(value, new):
    """The value with `new` in place of each text that is longer than a type of Kubernetes."""
    if isinstance(value, dict):
        return {key: every_text(item, new) for key, item in value.items()}
    if isinstance(value, list):
        return [every_text(item, new) for item in value]
    return new if isinstance(value, str) else value


@pytest.mark.parametrize("case", CASES)
def test_s7_hostile_text_in_each_field_in_turn_and_in_all(case):
    seen = LOADED[case]
    whole = {"job": seen.job, "pods": seen.pods, "events": seen.events}
    for path in PATHS[case]:
        text = whole
        for key in path:
            text = text[key]
        if isinstance(text, str):
            one = replaced(whole, path, HOSTILE)
            text = diagnose(Seen(name="train", uid=seen.uid, now=seen.now, **one))
            assert "pwned'" not in "".join(line for line in text.splitlines() if "kubectl patch" in line)
            for line in text.splitlines():
                assert not UNSAFE.search(line)
                assert not MARK.search(line)
    check(
        diagnose(
            Seen(name="train", uid=HOSTILE, now=datetime.now(timezone.utc), **every_text(whole, "pw\x1b::group::"))
        )
    )
