"""The timeline as text: recorded runs as golden files, and its bounds."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from recorded_runs import NAMES, PRICED, RUNS, ending, priced, replay
from timeline_objects import drawn_records, many, pod_run, record

from gke_jobs.price import Price
from gke_jobs.text_width import columns
from gke_jobs.timeline.formatting import index_ranges, seconds_text
from gke_jobs.timeline.record import Outcome
from gke_jobs.timeline.text import MOST_LINES, text

JOINERS = "\u200c\u200d"


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


# Such a length is none: Kubernetes has microseconds.
@example(made=replace(many(1), created=0.0, ended=2e-313))
@pytest.mark.parametrize("width", [60, 80, 120])
@given(made=drawn_records())
def test_whatever_the_record_the_timeline_is_narrow_and_short_and_printable(width, made):
    lines = text(made, width).splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(columns, lines)) <= width
    assert all(char.isprintable() or char in JOINERS for line in lines for char in line)
    assert lines[0].startswith("timeline: ")


def test_cause_advice_and_currency_have_letters_of_any_language():
    cause = 'no Pod can be created: admission webhook "\u65b9\u91dd" denied the request: '
    cause += "\u30ea\u30bd\u30fc\u30b9\u306e\u4e0a\u9650\u3092\u8d85\u3048\u3066\u3044\u307e\u3059\u3002" * 3
    price = Price("\u20ac", on_demand="3.6").to_text()
    said = text(record(pod_run(), status=1, cause=cause, advice="cafe\u0301 [a]", price=price))
    found = re.search("  cause: (.*?)\n  advice", said, re.DOTALL)[1]
    assert re.sub(r"\s", "", found) == re.sub(r"\s", "", cause)
    assert 70 < max(map(columns, found.splitlines())) <= 80
    assert "  advice: cafe\u0301 [a]\n" in said
    assert "  cost: 0.0600 \u20ac on demand\n" in said


@pytest.mark.parametrize(("number", "tries"), [(1, 1), (12, 1), (13, 1), (100, 2), (1000, 1), (1000, 3)])
def test_from_1_to_1000_pods_it_is_at_most_20_lines_and_names_all_pods_and_the_slowest(number, tries):
    lines = text(many(number, tries=tries)).splitlines()
    assert len(lines) <= 20
    assert any(line.startswith(f"  {number * tries} Pod") for line in lines)
    assert (f"  5 of {number * tries} Pods: the slowest:" in lines) == (number * tries > 12)


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
    assert "x failed, ! disrupted" in said


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
        (map(str, range(0, 20, 2)), "0,2,4,6,8,.."),
        (["0", "1", "2", "100", "101", "102", "103"], "0-2,100-103"),
        (["0", "1", "2", "100", "101", "102", "203"], "0-2,.."),
    ],
)
def test_indexes_as_kubernetes_writes_them_cut_behind_a_whole_range(indexes, words):
    assert index_ranges(indexes, 12) == words


def test_in_no_room_there_are_no_indexes():
    assert index_ranges(["123456", "234567"], 8) == ".."
    assert index_ranges(["1", "3"], 1) == ""


def failures(number):
    """A run of so many Pods that succeeded late, and a few of which each failed early."""
    codes = {index: 3 if index < 20 else 4 for index in range(1, 40, 4)}
    pods = [pod_run(index, index=str(index), ended=90 + index % 7) for index in range(number)]
    for index, code in codes.items():
        pods[index] = pod_run(index, index=str(index), ended=50, outcome=Outcome.FAILED, exit_code=code)
    return record(*pods, cause=f"Pod {pods[21].name} (index 21): container main: exit code 4", status=1)


def test_of_many_pods_those_that_failed_come_first_with_a_mark_and_the_one_that_the_cause_names():
    lines = text(failures(400)).splitlines()
    groups = [line for line in lines if re.match("  [0-9]+ (exit|succeeded)", line)]
    assert [re.match("  [^ ]+ [^ :]+(?: [0-9])?: [^ ]+", line)[0] for line in groups] == [
        *("  5 exit 3: 1,5,9,13,17", "  5 exit 4: 21,25,29,33,37", "  390 succeeded: 0,2-4,6-8,.."),
    ]
    assert ["x]" in re.sub("x +]", "x]", line) for line in groups] == [True, True, False]
    at = lines.index("  5 of 400 Pods: the one in the cause, 2 more that failed, the slowest:")
    assert [line.split()[1] for line in lines[at + 1 : at + 4]] == ["21", "1", "5"]
    assert all("succeeded" in line for line in lines[at + 4 : at + 6])
    assert "ran 10 s (median)" in groups[0]


def test_the_pod_of_the_cause_has_a_row_even_if_it_has_not_failed():
    pods = many(100).pods
    lines = text(record(*pods, cause=f"Pod {pods[40].name} (index 40): Unschedulable: no", status=124)).splitlines()
    at = lines.index("  5 of 100 Pods: the one in the cause, the slowest:")
    assert lines[at + 1].split()[1] == "40"


@pytest.mark.parametrize("host", ["europe-west4-docker.pkg.dev", "europe-docker.pkg.dev"])
@pytest.mark.parametrize("length", [40, 150])
def test_a_cause_has_the_lines_that_it_needs(host, length):
    image = f"{host}/my-project/team/{'churn-' * (length // 6)}model:2026-11-26"
    said = text(record(status=78, cause=f"image {image}: not found (Pod train-abcde: container main: ErrImagePull)"))
    cause = re.search("  cause: (.*?)\n  time", said, re.DOTALL)[1]
    assert len(cause.splitlines()) <= 4
    assert re.sub(r"\s", "", cause) == f"image{image}:notfound(Podtrain-abcde:containermain:ErrImagePull)"


def test_of_a_cause_that_is_too_long_the_middle_is_left_out():
    said = text(record(status=1, cause="the beginning " + "x " * 500 + "the end", advice="y" * 1000 + " the last"))
    assert "cause: the beginning x" in said
    assert "x the end\n" in said
    assert "y the last\n" in said
    assert len(said.splitlines()) == 2 + 4 + 4 + 2


def test_a_run_that_took_no_time_that_kubernetes_reports_has_a_bar_and_a_legend():
    shorter = {"created": 0, "scheduled": 0, "prepared": None, "started": 0, "ended": 0}
    said = text(record(pod_run(0, **shorter), pod_run(1, **shorter, outcome=Outcome.FAILED, exit_code=3), seconds=0))
    assert "timeline: succeeded after less than 1 s: " in said
    assert "\n  time: running less than 1 s\n" in said
    assert re.search(r"\[= +\] succeeded\n", said)
    assert re.search(r"\[=x +\] exit 3\n", said)
    assert "\n  = running, x failed\n" in said
    grouped = text(record(*(pod_run(number, **shorter) for number in range(20)), seconds=0))
    assert "ran less than 1 s (median)" in grouped
    waits = text(record(pod_run(0, **{**shorter, "started": None, "ended": None}, outcome=Outcome.WAITING), seconds=0))
    assert "=" not in waits


def test_a_pod_that_ran_for_no_time_at_the_end_is_seen():
    ended = {"created": 0, "scheduled": 0, "prepared": None, "started": 120, "ended": 120}
    assert "=x] exit 3" in text(record(pod_run(**ended, outcome=Outcome.FAILED, exit_code=3)))


def test_pods_that_ran_when_the_job_was_deleted_are_not_said_to_run():
    runs = pod_run(ended=None, outcome=Outcome.RUNNING, exit_code=None)
    deleted, kept = (text(record(runs, status=124, outcome="timed out", deleted=is_so)) for is_so in (True, False))
    assert "1 Pod: 1 running when deleted\n" in deleted
    assert "] running when deleted\n" in deleted
    assert "1 Pod: 1 running\n" in kept
    assert "] running\n" in kept
