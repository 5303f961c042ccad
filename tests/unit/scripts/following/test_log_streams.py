"""Which logs are read when."""

import pytest
from cluster_objects import NO_ANSWER, STAMP, container, pod, status, texts

from gke_jobs.following.events import Lines, LogEnded, LogPiece, StartLog, StopLog
from gke_jobs.following.log_streams import LogStreams
from gke_jobs.following.pod_view import read_pod

LINE = STAMP.encode() + b" line\n"
GONE = status(404, "NotFound", 'pods "train-abcde" not found')


class Logs(LogStreams):
    def __init__(self, *, most=10, shown="all"):
        super().__init__(job="train", most=most, shown=shown)

    def see(self, now, *pods):
        for one in pods:
            self.add_pod(read_pod(one), now)
        return list(self.act(now))

    def end(self, stream, now, answer=None):
        return [*self.ended(LogEnded(stream, answer), now), *self.act(now)]


def started(actions):
    return [action.stream for action in actions if isinstance(action, StartLog)]


def running(name="train-abcde", **given):
    return pod("Running", name=name, **given)


def test_a_log_is_read_while_its_container_runs_and_its_end_once_more():
    logs = Logs()
    (stream,) = started(logs.see(0, running()))
    assert list(logs.piece(LogPiece(stream, LINE), 1)) == [Lines(b"abcde | line\n")]
    logs.see(2, pod("Succeeded"))
    (again,) = [action for action in logs.end(stream, 2) if isinstance(action, StartLog)]
    assert again.since == STAMP
    assert list(logs.piece(LogPiece(again.stream, LINE), 2)) == []
    assert logs.end(again.stream, 2) == []
    assert logs.is_drained
    assert logs.shown_logs() == {("train-abcde", "main")}


def test_a_log_without_a_line_was_not_shown():
    logs = Logs()
    (stream,) = started(logs.see(0, pod("Failed")))
    logs.end(stream, 0)
    assert (logs.is_drained, logs.shown_logs()) == (True, set())


def test_a_container_that_has_not_started_has_no_log():
    assert Logs().see(0, pod("Pending")) == []


@pytest.mark.parametrize(
    ("shown", "given", "number"),
    [
        ("none", pod("Failed"), 0),
        ("failed", running(), 0),
        ("failed", pod("Succeeded"), 0),
        ("failed", pod("Failed"), 1),
        ("all", running(others={"other": container("running")}), 2),
    ],
)
def test_whose_logs_are_shown(shown, given, number):
    assert len(started(Logs(shown=shown).see(0, given))) == number


def test_a_stream_that_ends_too_soon_is_begun_again_after_a_pause_that_grows():
    logs, at = Logs(), []
    (stream,), now = started(logs.see(0, running())), 0.0
    for _ in range(7):
        assert started(logs.end(stream, now)) == []
        now = logs.next_time()
        (stream,) = started(logs.act(now))
        at.append(now)
    assert at == [0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5]


def test_what_breaks_a_stream_is_logged_once():
    logs = Logs()
    (stream,) = started(logs.see(0, running()))
    (said,) = texts(logs.end(stream, 0, status(500)))
    assert said.startswith("the log of Pod train-abcde, container main, cannot be read now; reading resumes later: ")
    (stream,) = started(logs.act(1))
    assert texts(logs.end(stream, 1, status(500))) == []


@pytest.mark.parametrize(("answer", "tries"), [(GONE, 1), (status(403), 1), (status(500), 3), (status(404), 3)])
def test_an_end_that_cannot_be_read_is_given_up_with_the_reason(answer, tries):
    logs, said, asked, now = Logs(), [], 0, 0.0
    streams = started(logs.see(0, pod("Failed")))
    while streams:
        asked += 1
        done = logs.end(streams[0], now, answer)
        said += texts(done)
        now = logs.next_time() or now
        streams = started(logs.act(now))
    assert (asked, logs.is_drained) == (tries, True)
    removed = "Pod train-abcde was removed before the end of the log of container main was read"
    assert said[-1] == removed if answer is GONE else "cannot be read completely" in said[-1]


DENIED = status(403, "Forbidden", 'pods "train-abcde" is forbidden: User "u" cannot get resource "pods/log"')


def test_a_log_that_was_never_allowed_is_given_up_at_once():
    logs = Logs()
    (stream,) = started(logs.see(0, running()))
    (said,) = texts(logs.end(stream, 0, DENIED))
    assert "cannot be read completely" in said
    assert logs.is_drained


def test_a_log_that_was_allowed_is_read_on_when_an_api_server_that_starts_denies_it():
    logs = Logs()
    (stream,) = started(logs.see(0, running()))
    logs.opened(stream, 0)
    logs.end(stream, 1, NO_ANSWER)
    (again,) = started(logs.see(2, pod("Succeeded")))
    list(logs.drain(2))
    logs.end(again, 2, DENIED)
    (again,) = started(logs.act(4))
    list(logs.piece(LogPiece(again, LINE), 4))
    assert logs.end(again, 4) == []
    assert logs.shown_logs() == {("train-abcde", "main")}


def test_in_an_outage_the_log_of_a_container_that_has_ended_is_not_given_up():
    logs = Logs()
    (stream,) = started(logs.see(0, pod("Failed")))
    for now in range(0, 200, 20):
        logs.end(stream, now, NO_ANSWER)
        (stream,) = started(logs.act(now + 15))
    list(logs.piece(LogPiece(stream, LINE), 200))
    assert logs.end(stream, 200) == []
    assert logs.shown_logs() == {("train-abcde", "main")}


def test_never_more_streams_than_allowed_and_the_rest_follows():
    logs = Logs(most=2)
    ended = [pod("Succeeded", name=f"train-{number}") for number in range(5)]
    streams = started(logs.see(0, *ended))
    read = []
    while streams:
        assert len(streams) <= 2
        assert logs.next_time() is None  # nothing to do before a stream ends
        read.append(streams[0].pod)
        streams = streams[1:] + started(logs.end(streams[0], 0))
    assert sorted(read) == sorted(one["metadata"]["name"] for one in ended)


def test_the_program_comes_before_sidecars():
    logs = Logs(most=1)
    others = {"a": container("running")}
    (stream,) = started(logs.see(0, running(others=others), running("train-2", others=others)))
    assert stream.container == "main"
    (stream,) = started(logs.end(stream, 0, GONE))
    assert (stream.pod, stream.container) == ("train-2", "main")


def test_a_stream_that_stays_open_after_the_end_of_its_container_is_begun_anew():
    logs = Logs()
    (stream,) = started(logs.see(0, running()))
    list(logs.piece(LogPiece(stream, LINE + STAMP.encode() + b" ha"), 10))
    assert logs.see(100, pod("Succeeded")) == []
    assert logs.next_time() == 105
    assert list(logs.act(104.9)) == []
    stop, start = logs.act(105)
    assert (stop, start.since) == (StopLog(stream), STAMP)
    data = LINE + STAMP.encode() + b" half a line\n"
    assert list(logs.piece(LogPiece(stream, data), 105)) == []  # late
    assert list(logs.piece(LogPiece(start.stream, data), 105)) == [Lines(b"abcde | half a line\n")]
    logs.end(start.stream, 106)
    assert logs.is_drained


def test_not_while_lines_come():
    logs = Logs()
    (stream,) = started(logs.see(0, running()))
    logs.see(100, pod("Succeeded"))
    list(logs.piece(LogPiece(stream, LINE), 104))
    assert list(logs.act(108.9)) == []
    assert len(list(logs.act(109))) == 2


def test_l3_the_log_of_an_init_container_that_failed_is_read():
    failed = pod("Failed", main=container("new"))
    failed["spec"]["initContainers"] = [{"name": "fetch"}]
    failed["status"]["initContainerStatuses"] = [{"name": "fetch", **container("ended", code=7)}]
    logs = Logs()
    (stream,) = started(logs.see(0, failed))
    assert list(logs.piece(LogPiece(stream, LINE), 0)) == [Lines(b"abcde fetch | line\n")]
    logs.end(stream, 0)
    assert logs.is_drained


def test_the_next_run_of_a_container_is_read_too():
    logs = Logs()
    (stream,) = started(logs.see(0, pod("Running", main=container("ended", code=1))))
    list(logs.piece(LogPiece(stream, LINE), 0))
    logs.end(stream, 0)
    assert logs.is_drained
    (stream,) = started(logs.see(9, pod("Running", main=container("running", restarts=1))))
    assert list(logs.piece(LogPiece(stream, b"2026-01-02T03:05:00Z next\n"), 9)) == [Lines(b"abcde | next\n")]


def test_in_the_end_a_log_of_a_container_that_runs_on_is_stopped():
    logs = Logs()
    (stream,) = started(logs.see(0, running()))
    list(logs.piece(LogPiece(stream, STAMP.encode() + b" half"), 1))
    assert list(logs.drain(2)) == [StopLog(stream), Lines(b"abcde | half\n")]
    assert logs.is_drained


def test_in_the_end_no_log_is_read_for_more_than_ten_seconds():
    logs = Logs()
    (stream,) = started(logs.see(0, pod("Succeeded")))
    list(logs.drain(0))
    for tenth in range(99):
        list(logs.piece(LogPiece(stream, LINE), tenth / 10))
        assert list(logs.drained(tenth / 10)) == []
    stop, message = logs.drained(10)
    assert (stop, logs.is_drained) == (StopLog(stream), True)
    assert message.text.endswith("could not be read completely in time")


def test_a_container_that_has_no_name_has_no_log():
    assert Logs().see(0, running(others={"A b": container("running"), "\ud800": container("running")})) != []
