"""The requests of the follower, over a server that misbehaves."""

import json
import threading
import time

import pytest
from api_server import chunked, endless, raw, whole
from cluster_objects import UID, job
from kueue_objects import workload

from gke_jobs import connection as connection_module
from gke_jobs import unix_http
from gke_jobs.following import streaming as streaming_module
from gke_jobs.following.events import (
    Changed,
    EventsRead,
    Kind,
    Listed,
    LogEnded,
    LogId,
    LogPiece,
    Opened,
    Tick,
    WatchEnded,
    WorkloadRead,
    WorkloadsRead,
)
from gke_jobs.following.streaming import Streaming
from gke_jobs.kueue import Queued

JOBS, PODS, EVENTS = "/apis/batch/v1/namespaces/ns/jobs", "/api/v1/namespaces/ns/pods", "/api/v1/namespaces/ns/events"
WORKLOADS = "/apis/kueue.x-k8s.io/v1beta2/namespaces/ns/workloads"
WAITING = "/apis/visibility.kueue.x-k8s.io/v1beta2/namespaces/ns/localqueues/gpu-queue/pendingworkloads"
LOG = f"{PODS}/train-a/log"
FIRST, SECOND = LogId("train-a", "main", 1), LogId("train-a", "main", 2)


@pytest.fixture
def streaming(server, connection):
    return Streaming(connection, "ns", lambda kind, uid: {})


def until(streaming, kind):
    """The events up to the first of a kind."""
    found = []
    while not found or not isinstance(found[-1], kind):
        found.append(streaming.next(15))
        assert not isinstance(found[-1], Tick), found
    return found


def line(item, change="MODIFIED"):
    return json.dumps({"type": change, "object": item}).encode() + b"\n"


def test_a_list(server, streaming):
    server.answers[JOBS] = whole({"metadata": {"resourceVersion": "5"}, "items": [job()]})
    streaming.list(Kind.JOB, UID)
    assert until(streaming, Listed) == [Listed(Kind.JOB, [job()], "5")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (whole(b"{"), "not JSON"),
        (whole(b"[" * 100_000), "not JSON"),
        (whole(b"\xff\xfe"), "not JSON"),
        (whole([]), "not a list"),
        (whole({"items": []}), "not a list"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"), "connection was closed"),
        (raw(b"garbage\r\n\r\n"), "connection was closed"),
        (raw(b""), "connection was closed"),
        (chunked(b"{}", is_whole=False), "connection was closed"),
        (whole({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "you may not"}, 403), "you may not"),
    ],
)
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_no_list_is_an_error(server, streaming, answer, words):
    server.answers[JOBS] = answer
    streaming.list(Kind.JOB, UID)
    (ended,) = until(streaming, WatchEnded)
    assert ended.kind is Kind.JOB
    assert words in ended.answer.message


def test_a_list_that_never_ends_is_an_error(server, streaming, monkeypatch):
    monkeypatch.setattr(connection_module, "ANSWER_BYTES", 1 << 20)
    server.answers[JOBS] = endless(b"x" * 4096)
    streaming.list(Kind.JOB, UID)
    assert "more than 1048576 bytes" in until(streaming, WatchEnded)[0].answer.message


def test_a_watch(server, streaming):
    text = line(job()) + line({}, "BOOKMARK")
    server.answers[f"{JOBS}?watch"] = chunked(text[:30], text[30:-20], text[-20:])
    streaming.watch(Kind.JOB, UID, "41")
    assert until(streaming, WatchEnded) == [
        Opened(Kind.JOB),
        Changed(Kind.JOB, "MODIFIED", job()),
        Changed(Kind.JOB, "BOOKMARK", {}),
        WatchEnded(Kind.JOB, None),
    ]
    assert "resourceVersion=41" in server.asked[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (chunked(line(job()), b'{"type": "MODI\n'), "not JSON"),
        (chunked(line(job()), b"\n"), "not JSON"),
        (chunked(line(job()), b"[" * 100_000 + b"\n"), "not JSON"),
        (chunked(line(job()), b'{"object": %s}\n' % (b"9" * 10_000)), "not JSON"),
        (chunked(line(job()), b'{"type": "MODI', is_whole=False), "connection was closed"),
        (chunked(line(job()), line({"kind": "Status", "code": 410, "message": "too old"}, "ERROR")), "too old"),
    ],
)
def test_a_watch_that_breaks_is_an_error_after_what_came(server, streaming, answer, words):
    server.answers[f"{JOBS}?watch"] = answer
    streaming.watch(Kind.JOB, UID, "41")
    opened, changed, ended = until(streaming, WatchEnded)
    assert (opened, changed) == (Opened(Kind.JOB), Changed(Kind.JOB, "MODIFIED", job()))
    assert words in ended.answer.message


def test_a_line_of_a_watch_that_never_ends_is_an_error(server, streaming, monkeypatch):
    monkeypatch.setattr(unix_http, "LINE_BYTES", 1 << 20)
    server.answers[f"{JOBS}?watch"] = endless(b"x" * 65536)
    streaming.watch(Kind.JOB, UID, "41")
    assert "a line of more than" in until(streaming, WatchEnded)[-1].answer.message


@pytest.mark.parametrize("garbage", [b"7\n", b'"x"\n', b"null\n", b"[]\n", b'{"type": 1, "object": 2}\n'])
def test_json_that_is_no_event_is_handed_on_as_nothing(server, streaming, garbage):
    server.answers[f"{JOBS}?watch"] = chunked(garbage)
    streaming.watch(Kind.JOB, UID, "41")
    assert until(streaming, WatchEnded)[1:] == [Changed(Kind.JOB, "", {}), WatchEnded(Kind.JOB, None)]


def test_a_watch_that_something_drops_silently_is_noticed(server, streaming, never, monkeypatch):
    monkeypatch.setattr(streaming_module, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(streaming_module, "SILENT_SECONDS", 0.1)
    server.answers[f"{JOBS}?watch"] = chunked(then=never)
    streaming.watch(Kind.JOB, UID, "41")
    assert "no more data arrives" in until(streaming, WatchEnded)[-1].answer.message


def test_the_events_of_the_job(server, streaming):
    server.answers[EVENTS] = whole({"items": [{"reason": "x"}]})
    streaming.read_events(UID)
    assert until(streaming, EventsRead) == [EventsRead(UID, [{"reason": "x"}])]
    server.answers[EVENTS] = whole({}, 500)
    streaming.read_events(UID)
    assert until(streaming, EventsRead) == [EventsRead(UID, None)]


def test_what_kueue_has_of_the_job(server, streaming):
    server.answers[WORKLOADS] = whole({"items": [workload(uid=UID)]})
    server.answers[WAITING] = whole({}, 403)
    streaming.read_workload(UID, "gpu-queue")
    assert until(streaming, WorkloadRead) == [WorkloadRead(Queued(workload=workload(uid=UID)))]
    server.answers[WORKLOADS] = whole({}, 403)
    streaming.read_workload(UID, "gpu-queue")
    assert until(streaming, WorkloadRead) == [WorkloadRead(None)]


def test_what_kueue_has_of_several_jobs(server, streaming):
    server.answers[WORKLOADS] = whole({"items": [workload(uid="u1")]})
    streaming.read_workloads(["u1", "u2"])
    assert until(streaming, WorkloadsRead) == [WorkloadsRead({"u1": workload(uid="u1")})]
    assert "labelSelector=kueue.x-k8s.io%2Fjob-uid+in+%28u1%2Cu2%29" in server.asked[0]
    server.answers[WORKLOADS] = whole({}, 403)
    streaming.read_workloads(["u1"])
    assert until(streaming, WorkloadsRead) == [WorkloadsRead(None)]


@pytest.mark.parametrize(
    "times",
    [
        {"lastTimestamp": "2999-01-01T00:00:00Z"},
        {"lastTimestamp": "2026-01-01T00:00:00Z", "eventTime": "2999-01-01T00:00:00.000000Z"},
        {"series": {"lastObservedTime": "2999-01-01T00:00:00Z"}},
    ],
)
def test_events_of_the_future_are_left_out(server, streaming, times):
    past = {"reason": "x", "lastTimestamp": "2026-01-01T00:00:00Z"}
    server.answers[EVENTS] = whole({"items": [{"reason": "forged", **times}, past]})
    streaming.read_events(UID)
    assert until(streaming, EventsRead) == [EventsRead(UID, [past])]


def test_events_are_read_page_by_page_and_no_more_than_needed(server, streaming):
    server.answers[EVENTS] = whole({"items": [{"reason": "x"}] * 50, "metadata": {"continue": "token"}})
    streaming.read_events(UID)
    assert until(streaming, EventsRead) == [EventsRead(UID, [{"reason": "x"}] * 500)]
    assert [("continue=token" in line, "limit=50" in line) for line in server.asked] == [(False, True)] + [
        (True, True)
    ] * 9


def test_a_page_of_events_has_at_most_2_mib(server, streaming):
    server.answers[EVENTS] = endless(b"x" * 65536)
    streaming.read_events(UID)
    assert until(streaming, EventsRead) == [EventsRead(UID, None)]


def test_the_events_of_a_pod_do_not_take_the_place_of_those_of_the_job(server, streaming):
    server.answers[EVENTS] = whole({"items": []})
    streaming.read_events(UID)
    streaming.read_events("uid-of-a-pod")
    found = [streaming.next(10), streaming.next(10)]
    assert {event.uid for event in found} == {UID, "uid-of-a-pod"}


def test_a_log_comes_in_the_cuts_of_the_server(server, streaming):
    server.answers[LOG] = chunked(b"2026 on", b"e\n")
    streaming.read_log(FIRST, "2026-01-02T03:04:05+02:00")
    found = until(streaming, LogEnded)
    assert (found[0], found[-1]) == (Opened(FIRST), LogEnded(FIRST, None))
    assert b"".join(one.data for one in found if isinstance(one, LogPiece)) == b"2026 one\n"
    assert "sinceTime=2026-01-02T03%3A04%3A05%2B02%3A00" in server.asked[0]


@pytest.mark.parametrize("follows", [True, False])
def test_a_log_is_followed_or_read_as_it_is_now(server, streaming, follows):
    server.answers[LOG] = chunked(b"2026 one\n")
    streaming.read_log(FIRST, "", follows=follows)
    until(streaming, LogEnded)
    assert ("follow=true" in server.asked[0]) == follows


def test_a_log_that_is_cut_ends_by_an_error(server, streaming):
    server.answers[LOG] = chunked(b"2026 on", is_whole=False)
    streaming.read_log(FIRST, "")
    assert until(streaming, LogEnded)[-1].answer is not None


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n"])
def test_nothing_follows_of_a_log_that_was_stopped_and_its_request_ends(server, streaming, begin):
    server.answers[LOG] = endless(b"x" * 100, begin)
    before = threading.active_count()
    streaming.read_log(FIRST, "")
    until(streaming, LogPiece)
    streaming.stop_log(FIRST)
    assert isinstance(streaming.next(0.2), Tick)
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        streaming.next(0.01)
    assert threading.active_count() <= before


def test_what_comes_late_of_a_stream_before_is_not_heard(server, streaming, never):
    server.answers[LOG] = chunked(b"old", then=never)
    streaming.read_log(FIRST, "")
    deadline = time.monotonic() + 10
    while streaming._events.qsize() < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    server.answers[LOG] = chunked(b"new")
    streaming.read_log(SECOND, "")
    assert until(streaming, LogEnded) == [Opened(SECOND), LogPiece(SECOND, b"new"), LogEnded(SECOND, None)]


def test_what_comes_late_does_not_put_off_a_tick(server, streaming):
    def disturb():
        for _ in range(20):
            time.sleep(0.1)
            streaming._events.put((("gone", 1), Tick()))

    threading.Thread(target=disturb, daemon=True).start()
    begun = time.monotonic()
    streaming.next(0.3)
    assert time.monotonic() - begun < 1


def test_a_request_that_dies_of_a_defect_does_not_leave_the_follower_waiting(streaming, monkeypatch):
    monkeypatch.setattr(streaming_module, "jobs_path", lambda namespace: 1 / 0)
    streaming.list(Kind.JOB, "")
    with pytest.raises(ZeroDivisionError):
        streaming.next(10)
