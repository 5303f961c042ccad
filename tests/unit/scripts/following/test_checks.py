"""One check of a Job whose waiter is elsewhere (`run-job --once`): its verdict, its logs, its time."""

import pytest
from checking import LINE, RUNNING, Check, waited
from cluster_objects import (
    NO_ANSWER,
    STAMP,
    UID,
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

from gke_jobs.following.checks import LIST_SECONDS
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
    ReadEvents,
    Watch,
    WatchEnded,
)
from gke_jobs.following.succeeding import LOST_SECONDS

GANG = job(spec={"parallelism": 2, "completions": 2}, metadata={"annotations": {"gke-job/gang": "true"}})


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
    assert check.ended_after == (LIST_SECONDS, 124)


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
    check.at(LIST_SECONDS - 0.1)
    assert check.end is None
    check.at(100)
    assert check.ended_after == (LIST_SECONDS, 124)


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
