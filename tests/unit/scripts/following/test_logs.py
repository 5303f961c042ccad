"""The log of one container over streams that break and begin again."""

import pytest

from gke_jobs.following.logs import LONGEST, ContainerLog

T = "2026-01-02T03:04:0{}.{:09d}Z".format


def read(*streams, pieces=None):
    """The log after these streams, the last of which is whole; the lines; whether there was a gap."""
    log, out, gaps = ContainerLog(b"a1b2c | "), b"", []
    for number, stream in enumerate(streams):
        data = stream.encode("latin-1")
        size = pieces or len(data) or 1
        for begin in range(0, len(data), size):
            out += log.feed(data[begin : begin + size], 0.0)
        gaps.append(log.has_gap)
        log.has_gap = False
        out += log.end(is_whole=number == len(streams) - 1)
    return log, out.decode("latin-1").splitlines(), gaps


@pytest.fixture(params=[None, 1, 7])
def pieces(request):
    return request.param


def test_every_line_gets_the_prefix_and_loses_the_time(pieces):
    _, lines, _ = read(f"{T(1, 1)} one\n{T(1, 2)} \n{T(2, 0)} two  words\n", pieces=pieces)
    assert lines == ["a1b2c | one", "a1b2c | ", "a1b2c | two  words"]


def test_a_last_line_without_newline_gets_one(pieces):
    assert read(f"{T(1, 1)} last", pieces=pieces)[1] == ["a1b2c | last"]


def test_bytes_that_are_no_utf8_pass_unchanged(pieces):
    assert read(f"{T(1, 1)} \xc3(\n", pieces=pieces)[1] == ["a1b2c | \xc3("]


def test_a_line_that_is_too_long_goes_on_in_the_next():
    _, lines, _ = read(f"{T(1, 1)} {'x' * (LONGEST + 50_000)}\n{T(1, 2)} next\n", pieces=16384)
    assert [set(line.removeprefix("a1b2c | ")) for line in lines] == [{"x"}, {"x"}, set("next")]
    assert sum(line.count("x") for line in lines[:2]) == LONGEST + 50_000


def test_a_stream_that_ends_before_the_pod_is_taken_up_at_its_last_second(pieces):
    first = f"{T(1, 1)} one\n{T(2, 1)} two\n{T(2, 2)} three\n"
    again = f"{T(2, 1)} two\n{T(2, 2)} three\n{T(2, 3)} four\n{T(3, 1)} five\n"
    log, lines, gaps = read(first, again, f"{T(3, 1)} five\n", pieces=pieces)
    assert [line[8:] for line in lines] == ["one", "two", "three", "four", "five"]
    assert (log.since, any(gaps)) == ("2026-01-02T03:04:03Z", False)


def test_lines_of_the_same_time_are_neither_lost_nor_repeated(pieces):
    same = f"{T(1, 1)} same\n"
    assert read(same * 2, same * 3, same * 3, pieces=pieces)[1] == ["a1b2c | same"] * 3


@pytest.mark.parametrize("cut", range(0, len(T(1, 2)) + 6))
def test_half_a_line_is_read_again(cut, pieces):
    again = f"{T(1, 1)} one\n{T(1, 2)} tw\xc3\xb6\n"
    first = again[: len(T(1, 1)) + 5 + cut]
    assert read(first, again, again, pieces=pieces)[1] == ["a1b2c | one", "a1b2c | tw\xc3\xb6"]


def test_lines_that_the_node_has_rotated_away_are_a_gap(pieces):
    second = f"{T(5, 1)} five\n"
    _, lines, gaps = read(f"{T(1, 1)} one\n", second, second, pieces=pieces)
    assert lines == ["a1b2c | one", "a1b2c | five"]
    assert gaps == [False, True, False]


def test_the_log_of_the_next_run_of_the_container_is_no_gap():
    log = ContainerLog(b"")
    assert log.feed(f"{T(1, 1)} one\n".encode(), 0) == b"one\n"
    log.end(is_whole=False)
    log.expect_new_run()
    assert log.feed(f"{T(5, 1)} five\n".encode(), 0) == b"five\n"
    assert not log.has_gap


def test_l1_a_resumed_stream_that_begins_within_a_line_repeats_and_loses_nothing(pieces):
    long = "x" * 40
    first = f"{T(1, 1)} {long}\n{T(3, 1)} after\n{T(3, 2)} half"
    again = f"{long[20:]}\n{T(3, 1)} after\n{T(3, 2)} half a line\n{T(4, 1)} more\n"
    _, lines, gaps = read(first, again, f"{T(4, 1)} more\n", pieces=pieces)
    assert [line[8:] for line in lines] == [long, "after", "half a line", "more"]
    assert not any(gaps)


def test_l1_a_time_that_the_program_has_written_is_none():
    _, lines, gaps = read(f"{T(3, 1)} one\n", f"{T(2, 0)} rest of a line\n{T(3, 1)} one\n{T(3, 2)} two\n")
    assert (lines, any(gaps)) == (["a1b2c | one", "a1b2c | two"], False)


@pytest.mark.parametrize("text", ["2026-01-02", "2026-99", "12:00:00", "9" * 60, "2026-01-02T03:04:05 x", "T", "-"])
def test_l1_only_a_time_is_a_time(text):
    log, lines, _ = read(f"{text} words\n{text} words\n")
    assert lines == [f"a1b2c | {text} words"] * 2
    assert log.since == ""


def test_a_log_in_the_time_zone_of_its_node():
    log, _, _ = read("2026-01-02T03:04:05.1+02:00 one\n")
    assert log.since == "2026-01-02T03:04:05+02:00"


def test_a_stamp_that_was_cut_is_no_line():
    log = ContainerLog(b"")
    log.feed(b"2026-01-02T03:0", 0)
    assert log.end(is_whole=True) == b""


def test_that_the_node_has_no_log_is_no_line():
    log, lines, _ = read("unable to retrieve container logs for containerd://abc")
    assert (log.is_gone, lines) == (True, [])


def test_l2_a_progress_bar_is_shown_once_a_second():
    log, out = ContainerLog(b""), []
    for tenth in range(35):
        now = tenth / 10
        stamp = T(1, 1).encode() + b" " if tenth == 0 else b""
        if line := log.feed(stamp + b"%d%%\r" % tenth, now):
            out.append((now, line))
    out.append((3.5, log.feed(b"done\n", 3.5)))
    assert out == [(1.0, b"10%\n"), (2.0, b"20%\n"), (3.0, b"30%\n"), (3.5, b"done\n")]


def test_a_progress_bar_that_stops_is_shown_when_it_is_asked_for():
    log = ContainerLog(b"")
    assert log.feed(T(1, 1).encode() + b" 10%\r", 5.0) == b""
    assert log.progress_at == 6.0
    assert log.progress(6.0) == b"10%\n"


def test_a_progress_bar_that_breaks_twice_is_not_repeated():
    stamp, log = T(1, 1).encode() + b" ", ContainerLog(b"")
    log.feed(stamp + b"10%\r20%\r", 0.0)
    assert log.progress(2.0) == b"20%\n"
    log.end(is_whole=False)
    assert log.feed(stamp + b"10", 3.0) == b""
    log.end(is_whole=False)
    assert log.feed(stamp + b"10%\r20%\r30%\n", 9.0) == b"30%\n"
