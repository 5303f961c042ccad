"""Corrects the times of a Pod from the clock of its node, if they are impossible by the clock of the cluster."""

from __future__ import annotations

from dataclasses import replace

from gke_jobs.timeline.phases import CLOCKS_DIFFER
from gke_jobs.timeline.record import Outcome, PodRun

BY_NODE = ("prepared", "started", "ended")
ENDED_BY_NODE = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.OUT_OF_MEMORY)  # others: perhaps by the cluster


def by_cluster(pod: PodRun, completed: float | None) -> PodRun:
    """Return a Pod with the times of its node moved as far as they are certainly wrong; its running time stays.

    completed: when its Job was complete, in seconds since the epoch, None if it is not
    """
    seconds = _wrong_by(pod, completed)
    times = {name: time + seconds for name in BY_NODE if (time := getattr(pod, name)) is not None}
    return replace(pod, **times) if abs(seconds) > CLOCKS_DIFFER else pod


def _wrong_by(pod: PodRun, completed: float | None) -> float:
    """Return the seconds to add: no Pod starts before it has a node, or succeeds after its Job is complete."""
    if pod.outcome not in ENDED_BY_NODE or pod.started is None or pod.ended is None:
        return 0.0
    if pod.scheduled is not None and pod.started < pod.scheduled:
        return pod.scheduled - pod.started
    if pod.outcome is Outcome.SUCCEEDED and completed is not None and pod.ended > completed:
        return completed - pod.ended
    return 0.0
