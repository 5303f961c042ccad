"""Pods on nodes whose clock is wrong: how long they ran stays, and nothing is before or after what it cannot be."""

import pytest
from timeline_objects import T, pod_run

from gke_jobs.timeline.node_clocks import by_cluster
from gke_jobs.timeline.record import Outcome

COMPLETED = T + 120


def node_times(pod):
    return [None if time is None else time - T for time in (pod.prepared, pod.started, pod.ended)]


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (pod_run(), [24, 40, 100]),
        (pod_run(scheduled=22, prepared=21, started=21, ended=60), [21, 21, 60]),  # times are rounded
        # behind by a minute at least
        (pod_run(scheduled=90, prepared=25, started=30, ended=50), [85, 90, 110]),
        (pod_run(scheduled=90, prepared=None, started=30, ended=50, outcome=Outcome.FAILED), [None, 90, 110]),
        # ahead by half a minute at least
        (pod_run(prepared=70, started=80, ended=150), [40, 50, 120]),
        # It fails with its Job, and may end after it.
        (pod_run(prepared=70, started=80, ended=150, outcome=Outcome.FAILED), [70, 80, 150]),
        # Of these the cluster may say when they ended, or nobody.
        (pod_run(scheduled=90, started=30, ended=95, outcome=Outcome.REMOVED), [24, 30, 95]),
        (pod_run(scheduled=90, started=30, ended=None, outcome=Outcome.RUNNING), [24, 30, None]),
        (pod_run(started=None), [24, None, 100]),
    ],
)
def test_the_times_of_a_node(pod, expected):
    assert node_times(by_cluster(pod, COMPLETED)) == expected


def test_a_pod_may_end_after_a_job_that_is_not_complete():
    assert node_times(by_cluster(pod_run(ended=150), None)) == [24, 40, 150]
