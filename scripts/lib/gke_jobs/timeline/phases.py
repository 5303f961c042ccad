"""The durations of the parts of a run: the phases of each Pod, and of the whole Job."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from gke_jobs.timeline.record import FAILED, SUCCEEDED, Outcome, PodRun, Record


class Phase(Enum):
    """A phase of a run; the value is its name in the summary. PHASE_TEXTS is for users, MARKS for the timeline."""

    QUEUED = "queued"  # no Pod exists yet: a queue, a quota, earlier indexes
    WAITING = "waiting"
    PREPARING = "preparing"
    PULLING = "pulling"  # images and init containers; also volumes and network if Kubernetes does not report them
    RUNNING = "running"
    BACKOFF = "backoff"  # between two tries
    FINISHING = "finishing"  # after the last Pod, until Kubernetes has registered its end


PHASE_TEXTS = {
    Phase.QUEUED: "queued",
    Phase.WAITING: "waiting for a node",
    Phase.PREPARING: "volumes and network",
    Phase.PULLING: "pulling images",
    Phase.RUNNING: "running",
    Phase.BACKOFF: "before a retry",
    Phase.FINISHING: "finishing the Job",
}
MARKS = {
    Phase.QUEUED: ".",
    Phase.WAITING: "-",
    Phase.PREPARING: "v",
    Phase.PULLING: "p",
    Phase.RUNNING: "=",
    Phase.BACKOFF: " ",
    Phase.FINISHING: " ",
}
CLOCKS_DIFFER = 1.0  # seconds; rounding of the times of a node and of the control plane
OF_PODS = (Phase.RUNNING, Phase.PULLING, Phase.PREPARING, Phase.WAITING)  # most progress first
OF_GANGS = (Phase.QUEUED, *reversed(OF_PODS))


@dataclass(frozen=True)
class Span:
    """A phase from one time to another, seconds since the epoch."""

    phase: Phase
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.end - self.start


def pod_spans(pod: PodRun, record: Record, *, attempt: int = 1) -> list[Span]:
    """Return the phases of a Pod that took time, in order; the queue phase only for a first try."""
    return [span for span in _all_spans(pod, record, attempt) if span.end > span.start]


def shown_spans(pod: PodRun, record: Record, *, attempt: int = 1) -> list[Span]:
    """Return these phases, and the running phase of a Pod that ran even if Kubernetes reports no time for it."""
    return [span for span in _all_spans(pod, record, attempt) if span.end > span.start or span.phase is Phase.RUNNING]


def _all_spans(pod: PodRun, record: Record, attempt: int) -> list[Span]:
    """Return each phase whose begin was seen, without gaps."""
    if pod.created is None:
        return []
    marks = [(Phase.WAITING, pod.created)]
    if attempt == 1 and record.created:
        marks.insert(0, (Phase.QUEUED, min(record.created, pod.created)))
    preparing = Phase.PULLING if pod.prepared is None and pod.started is not None else Phase.PREPARING
    later = ((preparing, pod.scheduled), (Phase.PULLING, pod.prepared), (Phase.RUNNING, pod.started))
    marks += [(phase, time) for phase, time in later if time is not None]
    end = max(pod.created, record.ended if pod.ended is None else pod.ended)
    starts: list[float] = []
    for _, time in marks:  # clocks of two machines may differ
        starts.append(min(end, max(time, starts[-1] if starts else time)))
    ends = [*starts[1:], end]
    return [Span(phase, start, stop) for (phase, _), start, stop in zip(marks, starts, ends, strict=True)]


def attempts(pods: Sequence[PodRun]) -> dict[str, int]:
    """Return the number of the try by uid of the Pod: in its index; else each failed Pod has one successor."""
    numbers: dict[str, int] = {}
    by_index: Counter[str] = Counter()
    failed: list[tuple[float, int]] = []  # time and try of failed Pods that have no later Pod yet
    # Pods of the same second stay in the order in which they were seen.
    for pod in sorted(pods, key=lambda pod: pod.created or 0.0):
        number = 1
        if pod.index:
            by_index[pod.index] += 1
            number = by_index[pod.index]
        elif failed and failed[0][0] <= (pod.created or 0.0) + CLOCKS_DIFFER:
            number = heapq.heappop(failed)[1] + 1
        numbers[pod.uid] = number
        if pod.outcome.is_over and pod.outcome is not Outcome.SUCCEEDED and not pod.index:
            heapq.heappush(failed, (pod.ended or pod.created or 0.0, number))
    return numbers


def job_seconds(record: Record) -> dict[Phase, float]:
    """Return the time of the Job in each phase; the sum is the total time."""
    spans = list(job_spans(record))
    return {phase: sum((span.seconds for span in spans if span.phase is phase), 0.0) for phase in Phase}


def pod_seconds(record: Record) -> dict[Phase, float]:
    """Return the total time of all Pods in each phase, from their creation on."""
    totals = dict.fromkeys(reversed(OF_PODS), 0.0)
    for pod in record.pods:
        for span in pod_spans(pod, record, attempt=2):
            totals[span.phase] += span.seconds
    return totals


def job_spans(record: Record) -> Iterator[Span]:
    """Yield the phases of the Job in order, without gaps, from its creation to its end.

    At each moment the Job is in the phase of its Pod with the most progress, a gang in that with the least progress.
    After a Pod that was removed the Job is queued: nothing has failed, so it is suspended, or gets no other Pod.
    """
    changes: list[tuple[float, Phase, int, Phase]] = []  # time, phase, change of its Pods, phase without Pods
    for pod in record.pods:
        pause = Phase.QUEUED if pod.outcome is Outcome.REMOVED else Phase.BACKOFF
        for span in _all_spans(pod, record, attempt=2):
            changes += [(span.start, span.phase, 1, pause), (span.end, span.phase, -1, pause)]
    last_end = max((change[0] for change in changes), default=0.0)
    begins = list(_places(record)) if record.gang else []
    changes += [(begin, Phase.QUEUED, -1, Phase.QUEUED) for begin in begins]
    changes.sort(key=lambda change: change[0])
    order = OF_GANGS if record.gang else OF_PODS
    active = Counter({Phase.QUEUED: len(begins) + _missing(record, len(begins))})
    time, phase = record.created, Phase.QUEUED
    for at, changed, number, pause in [*changes, (record.ended, Phase.FINISHING, 1, Phase.FINISHING)]:
        until = min(max(at, time), record.ended)
        if until > time:
            yield Span(phase, time, until)
            time = until
        active[changed] += number
        phase = next((one for one in order if active[one] > 0), pause if at < last_end else Phase.FINISHING)


def _places(record: Record) -> Iterator[float]:
    """Yield when the first Pod of each place of a gang was created: of each index, or each Pod without index."""
    seen: set[str] = set()
    for pod in sorted(record.pods, key=lambda pod: pod.created or record.created):
        place = pod.index or pod.uid
        if place not in seen:
            seen.add(place)
            yield record.created if pod.created is None else pod.created


def _missing(record: Record, places: int) -> int:
    """Return how many Pods of a gang were never created. A Job that has ended had all, even if not all were seen."""
    if record.outcome in (SUCCEEDED, FAILED):
        return 0
    return max(0, record.gang - places - sum(record.left_out.values()))


def slowest(record: Record) -> list[PodRun]:
    """Return the Pods, those with the longest life first."""
    return sorted(record.pods, key=lambda pod: -_age(pod, record))


def _age(pod: PodRun, record: Record) -> float:
    return (record.ended if pod.ended is None else pod.ended) - (pod.created or record.ended)
