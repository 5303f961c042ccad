"""What watch-jobs reports of many Jobs."""

from cluster_objects import job, pod

from gke_jobs.following.events import Changed, Kind, Listed
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
