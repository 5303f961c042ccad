"""What keeps from one check to the next how far each log was printed."""

import json

from hypothesis import given as drawn
from hypothesis import strategies as st

from gke_jobs.following import log_positions
from gke_jobs.following.log_positions import LIMIT, LogState, Position
from gke_jobs.following.logs import ContainerLog

T = "2026-01-02T03:04:0{}.{:09d}Z".format
POSITION = Position(
    second=b"2026-01-02T03:04:05",
    zone=b"Z",
    copied={b"2026-01-02T03:04:05.1Z": 2, b"2026-01-02T03:04:05Z": 1},
    resumed=(b"2026-01-02T03:04:06.5Z", 7),
)


def written(states):
    """The JSON for the next check."""
    return json.dumps(log_positions.to_json(states))


def kept(states):
    """What the next check reads."""
    return log_positions.from_json(json.loads(written(states)))


def test_what_is_written_is_read():
    states = {
        "abcde main": LogState(restarts=0, position=POSITION),
        "abcde new": LogState(restarts=3, position=Position()),
        "2-fghij main": LogState(restarts=1, position=None),
    }
    assert kept(states) == states


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just("2026-01-02T03:04:05"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KEYS = ("restarts", "second", "zone", "copied", "before", "begun", "bytes")


@drawn(
    st.fixed_dictionaries(
        {},
        optional={
            "read": ANY | st.dictionaries(st.text(), ANY),
            "open": ANY | st.dictionaries(st.text(), st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, ANY))),
        },
    )
)
def test_whatever_was_read_a_log_can_be_read_on(content):
    for state in log_positions.from_json(content).values():
        log = ContainerLog(b"", state.position)
        assert log.since == "" or len(log.since) >= len("2026-01-02T03:04:05Z")
        printed = log.feed(b"2099-01-02T03:04:05Z line\n", 0)
        assert printed == b"line\n"


def many_lines(lines, position=None):
    """A log in which so many lines of one second were printed."""
    log = ContainerLog(b"", position)
    out = log.feed("".join(f"{T(1, nano * 1000)} {nano}\n" for nano in range(lines)).encode(), 0)
    log.end(is_whole=False)
    return log, out.decode().split()


def test_many_lines_of_one_second_are_neither_kept_all_nor_repeated():
    first, _ = many_lines(3000)
    states = {"abcde main": LogState(restarts=0, position=first.position)}
    assert len(written(states)) < 2000
    _, printed = many_lines(3010, kept(states)["abcde main"].position)
    assert printed == [str(number) for number in range(3000, 3010)]


def test_what_would_be_too_large_keeps_fewer_times_of_each_log():
    log, _ = many_lines(60)
    given = {f"{n:05d} main": LogState(restarts=0, position=log.position) for n in range(300)}
    states = kept(given)
    assert len(written(given)) <= LIMIT
    assert len(states) == 300
    assert many_lines(61, states["00000 main"].position)[1] == ["60"]


def test_what_would_be_too_large_forgets_the_oldest_logs_that_were_read_to_their_end():
    whole = {f"{number:05d} main": LogState(restarts=0, position=None) for number in range(5000)}
    given = {**whole, "abcde main": LogState(restarts=0, position=POSITION)}
    states = kept(given)
    assert LIMIT * 0.9 < len(written(given)) <= LIMIT
    assert states["abcde main"].position.second == POSITION.second
    assert list(states)[-2] == "04999 main"
    assert len(states) > 2000


def test_then_those_of_containers_that_run():
    logs = {f"{number:05d} main": LogState(restarts=0, position=POSITION) for number in range(2000)}
    given = {**logs, "abcde main": LogState(restarts=0, position=None)}
    states = kept(given)
    assert len(written(given)) <= LIMIT
    assert "01999 main" in states
    assert len(states) > 300
