"""What a soak makes of its samples and of the log, and the Job that it waits for."""

import subprocess

import pytest

from performance.soak import CUTS, LINES, LOG_CUT, Change, Sample, changes, command_of, disturbances, wrong_lines


def log(*numbers: int, said: str = "") -> str:
    return "".join(f"abcde | line {number} {'.':>80}\n" for number in numbers) + said


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 2, 3), ""),
        ((1, 2, 2, 3), "1 lines came twice: [2]"),
        ((1, 3, 2), "lines are out of order"),
        ((1, 3), "1 lines are missing: [2]"),
    ],
)
def test_every_line_comes_once_and_in_order(numbers, expected):
    assert wrong_lines(log(*numbers), 3, may_miss=False) == expected


def test_lines_may_be_missing_only_where_the_log_says_so():
    said = "follow-job: the log of Pod a may be missing lines here: the node no longer has the earlier lines\n"
    assert wrong_lines(log(1, 3, said=said), 3, may_miss=True) == ""
    assert wrong_lines(log(1, 3, said=said), 3, may_miss=False) == "1 lines are missing: [2]"
    assert wrong_lines(log(1, 3), 3, may_miss=True) == "1 lines are missing: [2]"


def test_what_is_there_most_of_the_time_is_compared_by_its_medians():
    def needs(at: float, **plugin: float) -> Sample:
        return Sample(at, {"private memory of python": 10 + at, "processes": 3, **plugin})

    samples = [Sample(0.0, {"processes": 9}), needs(0.15), needs(0.2, plugin=5.0), needs(0.25)]
    samples += [needs(0.8), needs(0.85), needs(0.9), Sample(1.0, {})]
    found = changes(samples)
    assert [each.what for each in found] == ["private memory of python", "processes"]
    assert (found[0].first, found[0].last) == (10.2, 10.85)
    assert all(each.is_flat for each in found)


@pytest.mark.parametrize(
    ("change", "is_flat"),
    [
        (Change("private memory of kubectl", 9.0, 10.9), True),
        (Change("private memory of kubectl", 9.0, 11.1), False),
        (Change("private memory of kubectl", 9.0, 5.0), True),
        (Change("processes", 3, 4), False),
        (Change("open files", 35, 37), True),
        (Change("open files", 35, 38), False),
    ],
)
def test_what_grows_is_not_flat(change, is_flat):
    assert change.is_flat is is_flat


def test_on_the_real_cluster_two_components_are_killed_and_no_log_is_cut():
    planned = disturbances("k8s")
    assert len(planned) == CUTS
    assert [each for each in planned if each.startswith("restart")] == ["restart kubelet", "restart kube-apiserver"]
    assert LOG_CUT not in planned
    assert LOG_CUT in disturbances("localgke")


@pytest.mark.parametrize("seconds", [180, 6000, 7200, 10000])
def test_the_job_prints_all_lines_in_the_time(seconds):
    sleeps = "sleep() { echo slept $1; }; " + command_of(seconds).replace("/dev/termination-log", "/dev/null")
    found = subprocess.run(["sh", "-c", sleeps], capture_output=True, text=True, check=True).stdout.splitlines()
    slept = sum(int(line.split()[1]) for line in found if line.startswith("slept"))
    assert len([line for line in found if line.startswith("line ")]) == LINES
    assert slept == seconds
