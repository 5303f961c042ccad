"""The timeline as text: recorded runs as golden files, and its bounds."""

import pytest
from hypothesis import given
from recorded_runs import NAMES, PRICED, RUNS, ending, priced, replay
from timeline_objects import drawn_records, many, pod_run, record

from gke_jobs.timeline.record import Outcome
from gke_jobs.timeline.text import MOST_LINES, text
from gke_jobs.timeline.words import index_ranges, seconds_text


@pytest.mark.parametrize("name", NAMES)
def test_the_end_of_the_log_of_a_recorded_run(name):
    assert ending(replay(name)) == (RUNS / f"{name}.txt").read_text(), "run make golden, and read the diff"


@pytest.mark.parametrize("name", PRICED)
def test_the_end_of_the_log_says_what_a_recorded_run_cost(name):
    said = ending(priced(name))
    assert said == (RUNS / "priced" / f"{name}.txt").read_text(), "run make golden, and read the diff"
    assert {*(RUNS / f"{name}.txt").read_text().splitlines()} < {*said.splitlines()}


def test_there_are_ten_recorded_runs():
    assert len(NAMES) == len([*RUNS.glob("*.txt")]) == 10


@pytest.mark.parametrize("width", [60, 80, 120])
@given(made=drawn_records())
def test_whatever_the_record_the_timeline_is_narrow_and_short_and_ascii(width, made):
    lines = text(made, width).splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= width
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert lines[0].startswith("timeline: ")


@pytest.mark.parametrize(("number", "tries"), [(1, 1), (12, 1), (13, 1), (100, 2), (1000, 1), (1000, 3)])
def test_from_1_to_1000_pods_it_is_at_most_20_lines_and_names_all_pods_and_the_slowest(number, tries):
    lines = text(many(number, tries=tries)).splitlines()
    assert len(lines) <= 20
    assert any(line.startswith(f"  {number * tries} Pod") for line in lines)
    assert ("  the slowest:" in lines) == (number * tries > 12)


def test_a_phase_that_is_short_beside_the_others_is_seen():
    (row,) = [
        line for line in text(record(pod_run(ended=7000), seconds=7000)).splitlines() if line.startswith("  00000")
    ]
    assert ".-vp===" in row


def test_how_pods_ended_is_seen_at_the_end_of_their_bars():
    ends = [
        pod_run(0, outcome=Outcome.PREEMPTED, exit_code=143),
        pod_run(1, outcome=Outcome.OUT_OF_MEMORY, exit_code=137),
    ]
    said = text(record(*ends))
    assert "=!" in said
    assert "preempted, exit 143" in said
    assert "=x" in said
    assert "OOMKilled, exit 137" in said
    assert "x failed, ! ended by others" in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.04, "0 s"),
        (1.25, "1.2 s"),
        (59.94, "59.9 s"),
        (59.99, "1 min 0 s"),
        (3600, "1 h 0 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_duration(seconds, words):
    assert seconds_text(seconds) == words


@pytest.mark.parametrize(
    ("indexes", "words"),
    [
        ([], ""),
        (["3"], "3"),
        (["2", "1", "0", "7"], "0-2,7"),
        (["x", "1"], "1"),
        (map(str, range(0, 20, 2)), "0,2,4,6,.."),
    ],
)
def test_indexes_as_kubernetes_writes_them(indexes, words):
    assert index_ranges(indexes) == words
