"""What watch-jobs reports of many Jobs."""

import pytest
from cluster_objects import NO_ANSWER, creating, job, pod, stuck, waiting

from gke_jobs.following.events import Changed, Kind, Listed, WatchEnded
from gke_jobs.following.overview import Overview, Report


def reports(overview, *events):
    done = [action for event in events for action in overview.handle(event, 0.0)]
    return [action.content for action in done if isinstance(action, Report)]


def test_a_job_has_one_first_line_with_its_pods_in_whichever_order_the_lists_come():
    lists = [Listed(Kind.JOB, [job()], "5"), Listed(Kind.PODS, [pod("Running")], "5")]
    for order in (lists, lists[::-1]):
        overview = Overview("ml", 600.0)
        overview.begin(0.0)
        first, synced = reports(overview, *order)
        assert (first["event"], first["pods"]) == ("job", {"running": 1})
        assert synced["event"] == "synced"


def test_the_reason_of_a_condition_is_apart_from_its_message():
    overview = Overview("ml", 600.0)
    overview.begin(0.0)
    reports(overview, Listed(Kind.JOB, [job()], "5"), Listed(Kind.PODS, [], "5"))
    failed = job("Failed")
    failed["status"]["conditions"][0] |= {"reason": "BackoffLimitExceeded", "message": "too many"}
    (report,) = reports(overview, Changed(Kind.JOB, "MODIFIED", failed))
    assert (report["reason"], report["message"]) == ("BackoffLimitExceeded", "too many")


def described(found, *pods):
    overview = Overview("ml", 600.0)
    overview.begin(0.0)
    (report, _) = reports(overview, Listed(Kind.JOB, [found], "5"), Listed(Kind.PODS, pods, "5"))
    return report


NODE_FOR_ONE = [pod("Running", name="a"), waiting(name="b")]
GANG = {"annotations": {"gke-job/gang": "true"}}


@pytest.mark.parametrize(
    ("found", "pods", "lacks_nodes"),
    [
        (job(), [], True),
        (job(), [waiting()], True),
        (job(), [pod("Running")], False),
        (job(), [stuck()], False),
        (job(), [pod("Failed")], False),
        (job(), NODE_FOR_ONE, False),
        (job(spec={"parallelism": 2, "completions": 2}, metadata=GANG), NODE_FOR_ONE, True),
        (job("Suspended"), [], True),
        (job("FailureTarget"), [waiting()], False),
        (job("Failed"), [], False),
    ],
)
def test_a_job_lacks_nodes_as_the_schedule_clock_counts_it(found, pods, lacks_nodes):
    assert described(found, *pods)["lacks_nodes"] is lacks_nodes


@pytest.mark.parametrize(
    ("found", "pods", "cannot_start"),
    [
        (job(), [], True),
        (job(), [pod("Failed")], True),
        (job(), [stuck()], True),
        (job(), [stuck(name="a"), pod("Running", name="b")], True),
        (job(), [creating()], True),
        (job(), [creating(ready=True)], False),
        (job(), [waiting()], False),
        (job(), [pod("Running")], False),
        (job(status={"startTime": None}), [], False),
        (job("Suspended"), [], False),
        (job("FailureTarget"), [stuck()], False),
        (job("Complete", status={"succeeded": 1}), [], False),
    ],
)
def test_a_job_cannot_start_with_a_stuck_pod_or_without_the_pods_it_is_to_have(found, pods, cannot_start):
    assert described(found, *pods)["cannot_start"] is cannot_start


def test_a_cluster_that_does_not_answer_is_reported_once_and_so_is_its_answer():
    overview = Overview("ml", 600.0)
    overview.begin(0.0)
    reports(overview, Listed(Kind.JOB, [], "5"), Listed(Kind.PODS, [], "5"))
    first = [WatchEnded(kind, NO_ANSWER) for kind in Kind]
    assert reports(overview, *first) == []
    (unreachable,) = reports(overview, *first, *first)
    assert unreachable["event"] == "unreachable"
    assert "connection refused" in unreachable["message"]
    again = reports(overview, Listed(Kind.JOB, [], "6"), Listed(Kind.PODS, [], "6"))
    assert [report["event"] for report in again] == ["synced", "synced", "reachable"]
