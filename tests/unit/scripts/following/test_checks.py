"""One check of a Job whose waiter is elsewhere (`run-job --once`): its verdict, its logs, its time."""

import pytest
from cluster_objects import (
    NO_ANSWER,
    STAMP,
    UID,
    Driver,
    container,
    creating,
    failed_create,
    job,
    missing,
    pod,
    pod_event,
    status,
    stuck,
    texts,
    waiting,
)

from gke_jobs.following.check_state import CheckState
from gke_jobs.following.checks import ANSWER_SECONDS
from gke_jobs.following.events import (
    EventsRead,
    Finish,
    Kind,
    Lines,
    List,
    Listed,
    LogEnded,
    LogPiece,
    Message,
    Opened,
    ReadEvents,
    StartLog,
    Watch,
    WatchEnded,
)
from gke_jobs.following.log_streams import CHECK_SECONDS, CHECK_SILENT_SECONDS
from gke_jobs.following.succeeding import LOST_SECONDS

GANG = job(spec={"parallelism": 2, "completions": 2}, metadata={"annotations": {"gke-job/gang": "true"}})
RUNNING = pod("Running")
LINE = STAMP.encode() + b" line\n"


class Check(Driver):
    """A check; `log` is what each log has, of which a stream reads all at once."""

    def __init__(self, *, before=None, log=None, **given):
        self.log = log
        super().__init__(before=before or CheckState(), **given)

    def give(self, *events):
        done = super().give(*events)
        if self.log is not None:
            for action in [action for action in done if isinstance(action, StartLog)]:
                done += self.give(LogPiece(action.stream, self.log), LogEnded(action.stream, None))
        return done

    def answer(self, given, pods=(), events=None):
        """Give both lists, and the Events if they are asked for; let time pass."""
        done = self.listed([given], pods)
        if any(isinstance(action, ReadEvents) for action in done):
            (asked,) = [action.uid for action in done if isinstance(action, ReadEvents)]
            done += self.give(EventsRead(asked, events or []))
        return done

    @property
    def started(self):
        return [action for action in self.actions if isinstance(action, StartLog)]


def waited(**seconds):
    return {"total": 0.0, "for_nodes": 0.0, "to_start": 0.0, **seconds}


@pytest.mark.parametrize(
    ("given", "pods", "code"),
    [
        (job(), [RUNNING], 75),
        (job(), [], 75),
        (job(), [waiting()], 75),
        (job(), [stuck()], 75),
        (job("Suspended"), [], 75),
        (job(("FailureTarget", "X")), [RUNNING], 75),
        (job("Complete", status={"succeeded": 1}), [pod("Succeeded")], 0),
        (job("Complete"), [], 0),
        (job(("Failed", "BackoffLimitExceeded"), status={"failed": 1}), [pod("Failed")], 1),
        (job(uid="another"), [], 1),
    ],
)
@pytest.mark.parametrize("is_job_first", [True, False])
def test_a_check_ends_as_the_wait_would_or_with_75(given, pods, code, is_job_first):
    check = Check(log=LINE)
    lists = [Listed(Kind.JOB, [given], "5"), Listed(Kind.PODS, pods, "5")]
    for event in lists if is_job_first else reversed(lists):
        assert check.end is None
        check.give(event)
    if check.end is None:
        check.give(EventsRead(UID, []))
    assert check.end.status == code
    assert check.end.explain == (code == 1 and given["metadata"]["uid"] != "another")
    assert not any(isinstance(action, Watch) for action in check.actions)
    assert all(not action.follows for action in check.started)


def test_the_job_is_gone():
    check = Check()
    check.listed([], [])
    assert (check.end.status, "it succeeded is not known" in check.end.reason) == (1, True)


@pytest.mark.parametrize(
    ("given", "pods", "limits", "before", "code"),
    [
        (job(), [RUNNING], {"timeout": 20}, {"total": 20}, 124),
        (job(), [RUNNING], {"timeout": 20}, {"total": 19}, 75),
        (job(), [], {"timeout": 20}, {"total": 7000}, 124),
        (job("Complete"), [], {"timeout": 20}, {"total": 7000}, 0),
        (job(), [waiting()], {"schedule": 20}, {"for_nodes": 20}, 124),
        (job(), [waiting()], {"schedule": 20}, {"for_nodes": 19}, 75),
        (job(), [waiting()], {"schedule": 20}, {"total": 500, "to_start": 500}, 75),
        (job(), [RUNNING], {"schedule": 20}, {"for_nodes": 500}, 75),  # it has nodes by now
        (job("Suspended"), [], {"schedule": 20}, {"for_nodes": 20}, 124),
        (GANG, [RUNNING, waiting(name="train-2")], {"schedule": 20}, {"for_nodes": 20}, 124),
        (job(), [stuck()], {"start": 20}, {"to_start": 20}, 78),
        (job(), [stuck()], {"start": 20}, {"to_start": 19}, 75),
        (job(), [stuck()], {"start": 20}, {"total": 500, "for_nodes": 500}, 75),
        (job(), [RUNNING], {"start": 20}, {"to_start": 500}, 75),  # it has started by now
    ],
)
@pytest.mark.parametrize("start_at", [0.0, 98765.4321])
def test_the_time_before_the_check_counts_for_the_clock_that_runs(given, pods, limits, before, code, start_at):
    check = Check(log=LINE, start_at=start_at, waited=waited(**before), **limits)
    check.answer(given, pods)
    assert check.end.status == code
    assert check.end.never_starts == (code == 78)


@pytest.mark.parametrize(
    ("message", "limits", "before", "code"),
    [
        ("pods is forbidden: a policy is against it", {"start": 20}, {"to_start": 20}, 78),
        ("pods is forbidden: a policy is against it", {"start": 20}, {"to_start": 19}, 75),
        ("pods is forbidden: exceeded quota: q", {"start": 20}, {"to_start": 500}, 75),
        ("pods is forbidden: exceeded quota: q", {"schedule": 20}, {"for_nodes": 20}, 124),
    ],
)
def test_why_pods_are_missing_is_asked_at_once_and_decides(message, limits, before, code):
    check = Check(waited=waited(**before), **limits)
    assert ReadEvents in [type(action) for action in check.listed([job()], [])]
    assert check.end is None
    check.give(EventsRead(UID, [failed_create(message)]))
    assert check.end.status == code


def test_the_events_are_asked_for_once_and_what_cannot_be_read_decides_nothing():
    check = Check(start=20, waited=waited(to_start=500))
    check.listed([job()], [])
    check.at(25)
    assert check.end is None
    check.give(EventsRead(UID, None))
    assert check.end.status == 75
    assert sum(isinstance(action, ReadEvents) for action in check.actions) == 1


@pytest.mark.parametrize("start_at", [0.0, 98765.4321])
@pytest.mark.parametrize(
    ("events", "before", "code"),
    [([missing()], 20, 78), ([missing()], 19, 75), ([], 500, 75), ([pod_event("FailedMount", "timed out")], 500, 75)],
)
def test_a_volume_whose_secret_is_missing_is_a_pod_that_cannot_start(events, before, code, start_at):
    check = Check(start=20, waited=waited(to_start=before), start_at=start_at, log=b"")
    done = check.listed([job()], [creating()])
    assert [action for action in done if isinstance(action, ReadEvents)] == [ReadEvents("uid-of-train-abcde")]
    check.at(1)
    assert check.end is None
    check.give(EventsRead("uid-of-train-abcde", events))
    assert (check.end.status, check.end.never_starts) == (code, code == 78)
    assert ("secret" in check.end.reason) == bool(events and before < 500)


def test_events_of_a_volume_that_do_not_come_end_with_the_time_for_the_whole_wait():
    check = Check(timeout=20, waited=waited(total=30))
    check.listed([job()], [creating()])
    check.at(100)
    assert check.ended_after == (ANSWER_SECONDS, 124)


def test_no_events_are_asked_for_where_all_pods_run():
    check = Check(log=b"")
    check.listed([job()], [RUNNING])
    assert not any(isinstance(action, ReadEvents) for action in check.actions)


# a Job that has met its success criteria


def succeeding(**given):
    """A check of such a Job, one Pod of which does not end."""
    check = Check(log=LINE, **given)
    check.listed([job("SuccessCriteriaMet")], [RUNNING])
    return check


def test_a_check_waits_for_a_job_that_has_met_its_success_criteria():
    check = succeeding()
    assert [action.kind for action in check.actions if isinstance(action, Watch)] == [Kind.JOB, Kind.PODS]
    check.at(1)
    assert check.end is None
    check.pod(pod("Succeeded"))
    check.job(job("Complete", status={"succeeded": 1}))
    assert (check.ended_after, check.lines) == ((1, 0), ["abcde | line"])
    assert len(check.core.pods.results()) == 1
    assert check.messages == ["Pod train-abcde is running on node-1", "Pod train-abcde has succeeded"]


def test_but_for_half_a_minute_at_most():
    check = succeeding()
    check.at(100)
    assert (check.ended_after, check.lines) == ((LOST_SECONDS, 0), ["abcde | line"])
    assert check.messages[-1] == "a Pod of Job train has not ended; its node may be lost"


def test_and_no_longer_than_the_whole_wait():
    over, soon = (succeeding(timeout=20, waited=waited(total=total)) for total in (20, 15))
    soon.at(100)
    assert (over.ended_after, soon.ended_after) == ((0, 0), (5, 0))


def test_a_job_that_is_removed_while_a_check_waits_for_its_pods_has_succeeded():
    check = succeeding()
    check.job(job("SuccessCriteriaMet"), "DELETED")
    assert check.end.status == 0


def test_the_figures_are_of_the_whole_time():
    over, started, running = (
        Check(waited=waited(total=7200, to_start=300), **limits)
        for limits in ({"timeout": 7200.0}, {"start": 300.0}, {})
    )
    over.answer(job(), [stuck()])
    started.answer(job(), [stuck()])
    running.answer(job(), [stuck()])
    assert over.end.reason == "Job train is not finished: --timeout has expired"
    assert started.end.reason == (
        "Job train will never start: for 300 s Pod train-abcde is unable to start on node-1: ImagePullBackOff"
    )
    assert running.end.status == 78  # 300 is the default


@pytest.mark.parametrize(
    ("given", "pods", "words"),
    [
        (job(), [RUNNING], "1 running"),
        (job(), [waiting()], "1 waiting for a node; 0/3 nodes are available"),
        (
            job(),
            [stuck(), waiting(name="train-2")],
            "1 unable to start, 1 waiting for a node; Pod train-abcde is unable to start on node-1: ImagePullBackOff",
        ),
        (job("Suspended"), [], "none; it is suspended"),
    ],
)
def test_an_unfinished_job_is_one_line(given, pods, words):
    check = Check(log=b"", waited=waited(total=3600))
    check.answer(given, pods)
    assert texts(check.actions) == []
    assert check.end == Finish(75, f"Job train is not finished after 3600 s; Pods: {words}", explain=False)


def test_the_end_comes_with_what_happened_to_the_pods_before_it():
    check = Check(log=LINE)
    check.answer(job("Failed", status={"failed": 1}), [pod("Failed")])
    kinds = [type(action) for action in check.actions]
    assert texts(check.actions) == ["Pod train-abcde has failed with exit code 1"]
    assert kinds.index(Message) < kinds.index(Lines) < kinds.index(Finish)


@pytest.mark.parametrize(
    ("limits", "before", "code"),
    [
        ({"timeout": 20}, {"total": 30}, 124),
        ({"start": 20}, {"to_start": 30}, 78),
        ({"schedule": 20}, {"for_nodes": 30}, 124),
    ],
)
def test_a_clock_that_is_over_ends_the_check_when_the_logs_so_far_are_printed(limits, before, code):
    gang = job(spec={"parallelism": 3, "completions": 3}, metadata={"annotations": {"gke-job/gang": "true"}})
    check = Check(waited=waited(**before), **limits)
    check.listed([gang], [RUNNING, stuck(name="train-2"), waiting(name="train-3")])
    check.give(EventsRead(UID, []))
    (start,) = check.started
    assert check.end is None
    check.give(LogPiece(start.stream, LINE + STAMP.encode() + b" half"), LogEnded(start.stream, None))
    assert (check.lines, check.end.status) == (["abcde | line", "abcde | half"], code)


def test_where_the_lists_do_not_come_the_time_that_is_over_ends_the_check_after_a_while():
    check = Check(timeout=20, waited=waited(total=30))
    check.give(WatchEnded(Kind.JOB, NO_ANSWER))
    check.at(ANSWER_SECONDS - 0.1)
    assert check.end is None
    check.at(100)
    assert check.ended_after == (ANSWER_SECONDS, 124)


def test_a_cluster_that_does_not_answer_is_asked_again_and_given_up():
    check = Check(unreachable=60)
    for second in range(100):
        check.at(second)
        if check.end is None and check.actions[-1] == List(Kind.JOB):
            check.give(WatchEnded(Kind.JOB, NO_ANSWER))
        if check.end is None and check.actions[-1] == List(Kind.PODS):
            check.give(WatchEnded(Kind.PODS, NO_ANSWER))
    assert check.end.status == 69


def test_pods_that_may_not_be_read_are_77():
    check = Check()
    check.give(Listed(Kind.JOB, [job()], "5"), WatchEnded(Kind.PODS, status(403, "Forbidden")))
    assert check.end.status == 77


def test_the_pods_are_listed_once_more_where_the_job_counts_more_of_them():
    check = Check(log=LINE)
    assert List(Kind.PODS) in check.listed([job("Complete", status={"succeeded": 1})], [RUNNING])
    assert check.end is None
    check.give(Listed(Kind.PODS, [pod("Succeeded")], "8"))
    assert (check.end.status, check.lines, len(check.core.pods.results())) == (0, ["abcde | line"], 1)


# logs


def again(check, **given):
    """The next check, in another process."""
    return Check(before=check.core.check_state(), **given)


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
