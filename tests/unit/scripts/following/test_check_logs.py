"""What a check of a Job prints, and what it keeps for the next check: logs and results."""

import pytest
from checking import LINE, RUNNING, Check, again, waited
from cluster_objects import STAMP, container, job, pod, status, texts

from gke_jobs.following.events import Kind, Listed, LogEnded, LogPiece, Opened
from gke_jobs.following.log_streams import CHECK_SECONDS, CHECK_SILENT_SECONDS


def test_each_check_prints_the_lines_since_the_last_one():
    later = LINE + b"2026-01-02T03:04:06Z second\n"
    first = Check(log=LINE)
    first.answer(job(), [RUNNING])
    second = again(first, log=later)
    second.answer(job(), [RUNNING])
    third = again(second, log=b"2026-01-02T03:04:06Z second\n")
    third.answer(job("Complete", status={"succeeded": 1}), [pod("Succeeded")])
    assert (first.lines, second.lines, third.lines) == (["abcde | line"], ["abcde | second"], [])
    assert [one.started[0].since for one in (first, second, third)] == ["", STAMP, "2026-01-02T03:04:06Z"]
    assert not any(texts(one.actions) for one in (first, second))


def test_a_log_that_was_read_to_its_end_is_not_read_again_until_the_container_runs_again():
    first = Check(log=LINE)
    first.answer(job(), [pod("Failed")])
    second = again(first, log=LINE)
    second.answer(job(), [pod("Failed")])
    restarted = pod("Running", main=container("running", restarts=1))
    third = again(second, log=b"2026-01-02T03:05:05Z next\n")
    third.answer(job(), [restarted])
    assert (first.lines, second.started, third.lines) == (["abcde | line"], [], ["abcde | next"])


def test_a_log_that_an_earlier_check_has_shown_is_not_shown_by_the_diagnosis():
    first = Check(log=LINE)
    first.answer(job(), [pod("Failed")])
    second = again(first)
    second.answer(job("Failed", status={"failed": 1}), [pod("Failed")])
    assert second.core.logs.shown_logs() == {("train-abcde", "main")}


def test_half_a_line_is_left_to_the_next_check():
    stamp = STAMP.encode() + b" "
    first = Check(log=stamp + b"half")
    first.answer(job(), [RUNNING])
    second = again(first, log=stamp + b"half a line\n")
    second.answer(job(), [RUNNING])
    assert (first.lines, second.lines) == ([], ["abcde | half a line"])


def test_l2_a_progress_bar_without_a_newline_is_shown_by_each_check():
    stamp = STAMP.encode() + b" "
    first = Check(log=stamp + b"10%\r20%\r3")
    first.answer(job(), [RUNNING])
    second = again(first, log=stamp + b"10%\r20%\r30%\r40")
    second.answer(job(), [RUNNING])
    third = again(second, log=stamp + b"10%\r20%\r30%\r40%\ndone")
    third.answer(job("Complete", status={"succeeded": 1}), [pod("Succeeded")])
    lines = [one.lines for one in (first, second, third)]
    assert [[line.removeprefix("abcde | ") for line in each] for each in lines] == [["20%"], ["30%"], ["40%", "done"]]


@pytest.mark.parametrize("code", [75, 0])
def test_l4_a_log_of_which_nothing_comes_is_left_and_does_not_change_the_verdict(code):
    ends = job("Complete", status={"succeeded": 1}) if code == 0 else job()
    check = Check()
    check.answer(ends, [pod("Succeeded")])
    (start,) = check.started
    check.give(Opened(start.stream), LogPiece(start.stream, LINE + STAMP.encode() + b" half"))
    check.at(100)
    assert check.ended_after == (CHECK_SILENT_SECONDS, code)
    assert check.lines == ["abcde | line", *(["abcde | half"] if code == 0 else [])]
    assert check.messages[-1].endswith("in time" if code == 0 else "in time; the next check continues")
    nxt = again(check, log=LINE + STAMP.encode() + b" half a line\n")
    nxt.answer(job(), [pod("Succeeded")])
    assert nxt.lines == (["abcde | half a line"] if code == 75 else [])


def test_no_check_reads_longer_than_a_minute():
    check = Check()
    check.listed([job()], [RUNNING])
    (start,) = check.started
    for second in range(100):
        if check.end is None:
            check.at(second, LogPiece(start.stream, b"2026-01-02T03:04:%02dZ line\n" % min(second, 59)))
    assert check.ended_after == (CHECK_SECONDS, 75)


def test_a_log_that_cannot_be_read_is_read_by_the_next_check():
    first = Check()
    first.answer(job(), [pod("Failed")])
    tried = 0
    for second in range(20):
        first.at(second)
        for start in first.started[tried:]:
            first.give(LogEnded(start.stream, status(500)))
            tried += 1
    assert (first.end.status, tried) == (75, 3)
    second = again(first, log=LINE)
    second.answer(job(), [pod("Failed")])
    assert second.lines == ["abcde | line"]


def test_lines_that_the_node_has_rotated_away_between_two_checks_are_a_gap():
    first = Check(log=LINE)
    first.answer(job(), [RUNNING])
    second = again(first, log=b"2026-01-02T04:00:00Z later\n")
    second.answer(job(), [RUNNING])
    assert second.lines == ["abcde | later"]
    assert "may be missing lines here" in second.messages[0]


def test_logs_of_pods_that_are_gone_are_forgotten():
    first = Check(log=LINE)
    first.answer(job(), [pod("Failed"), pod("Running", name="train-2")])
    second = again(first, log=LINE)
    second.answer(job(), [pod("Running", name="train-2")])
    assert list(first.core.check_state().logs) == ["abcde main", "2 main"]
    assert list(second.core.check_state().logs) == ["2 main"]


def test_without_the_pods_nothing_is_known_of_the_logs():
    check = Check(timeout=1, waited=waited(total=5))
    check.at(100)
    assert (check.end.status, check.core.check_state()) == (124, None)


def test_never_more_streams_than_allowed_and_the_rest_follows():
    check = Check(streams=2)
    check.listed([job()], [pod("Running", name=f"train-{number}") for number in range(5)])
    read = []
    while len(read) < len(check.started):
        assert len(check.started) - len(read) <= 2
        read.append(check.started[len(read)].stream)
        check.give(LogEnded(read[-1], None))
    assert (len(read), check.end.status) == (5, 75)


# results


def test_results_of_pods_that_were_removed_between_two_checks_are_kept():
    indexed = {"parallelism": 2, "completions": 2, "completionMode": "Indexed"}
    first = Check(log=b"")
    first.answer(job(spec=indexed), [pod("Succeeded", name="train-0"), pod("Running", name="train-1")])
    second = again(first, log=b"")
    second.answer(job(spec=indexed), [pod("Running", name="train-1")])
    third = again(second, log=b"")
    third.answer(job("Complete", spec=indexed, status={"succeeded": 2}), [pod("Succeeded", name="train-1")])
    third.give(Listed(Kind.PODS, [pod("Succeeded", name="train-1")], "8"))
    assert third.end.status == 0
    assert [result.name for result in third.core.pods.results()] == ["train-0", "train-1"]


def test_results_of_pods_that_are_gone_come_first():
    first = Check(log=b"")
    first.answer(job(), [pod("Succeeded", name="train-1"), pod("Succeeded", name="train-2")])
    second = again(first, log=b"")
    second.answer(job(), [pod("Succeeded", name="train-1")])
    assert [result.name for result in second.core.pods.results()] == ["train-2", "train-1"]
