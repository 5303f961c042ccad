"""Texts of a record for users: times, places, outcomes of Pods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from gke_jobs.timeline.phases import PHASE_TEXTS, Phase, job_seconds, pod_seconds
from gke_jobs.timeline.record import Outcome, PodRun, Record

NODE_CHARACTERS = 20
LEFT_OUT = " ... "
LEAST_SECONDS = 0.05  # a shorter time would be shown as 0 s
LESS_THAN_RESOLUTION = "less than 1 s"  # Kubernetes reports most times in whole seconds


def duration_text(seconds: float) -> str:
    """Return a duration that is not zero, as text."""
    return seconds_text(seconds) if seconds >= LEAST_SECONDS else LESS_THAN_RESOLUTION


def seconds_text(seconds: float) -> str:
    """Return a duration in its two largest units; below a minute with its fraction."""
    if seconds < 59.95:
        return f"{round(max(seconds, 0.0), 1):g} s"
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {whole % 60} s"


def clock(time: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time in UTC."""
    try:
        return datetime.fromtimestamp(time, timezone.utc).strftime(form)
    except (OverflowError, ValueError, OSError):  # a year outside of the calendar
        return "at an unknown time"


def phases_text(record: Record) -> str:
    """Return the phases that took time, in order; also running if Pods ran but Kubernetes reports no time for it."""
    ran = any(pod.started is not None for pod in record.pods) and not pod_seconds(record)[Phase.RUNNING]
    found = [
        f"{PHASE_TEXTS[phase]} {duration_text(seconds)}"
        for phase, seconds in job_seconds(record).items()
        if seconds >= LEAST_SECONDS or (ran and phase is Phase.RUNNING)
    ]
    return ", ".join(found) or LESS_THAN_RESOLUTION


def result_text(pod: PodRun, record: Record) -> str:
    """Return the outcome or the present state of a Pod, in a few words."""
    if pod.outcome is Outcome.RUNNING:
        return _outcome_text(pod.outcome, record)
    code = f", exit {pod.exit_code}" if pod.exit_code else ""
    if pod.outcome is Outcome.OUT_OF_MEMORY:
        return f"OOMKilled{code}"
    if pod.outcome is Outcome.FAILED:
        return f"exit {pod.exit_code}" if pod.exit_code else pod.reason or "failed"
    if pod.outcome is Outcome.STUCK:
        return pod.reason or pod.outcome.value
    return f"{pod.outcome.value}{code if pod.outcome.is_over else ''}"


def _outcome_text(outcome: Outcome, record: Record) -> str:
    is_cut_off = record.deleted and outcome is Outcome.RUNNING
    return f"{outcome.value} when deleted" if is_cut_off else outcome.value


def counts_text(record: Record, tries: dict[str, int]) -> str:
    """Return the numbers of Pods by outcome, as text."""
    counts = outcomes(record)
    total = sum(counts.values())
    if not total:
        return "no Pods"
    parts = [f"{count} {_outcome_text(outcome, record)}" for outcome, count in counts.items()]
    retries = sum(number > 1 for number in tries.values())
    restarts = sum(pod.restarts for pod in record.pods)
    kills = sum(pod.oom_kills for pod in record.pods)
    parts += [f"{retries} {'is a retry' if retries == 1 else 'are retries'}"] if retries else []
    parts += [f"{restarts} restarts of containers"] if restarts else []
    parts += [f"{kills} OOM kills"] if kills > counts[Outcome.OUT_OF_MEMORY] else []
    return f"{total} Pod{'s' if total > 1 else ''}: {', '.join(parts)}"


def outcomes(record: Record) -> Counter[Outcome]:
    """Count the Pods by outcome, in the order of Outcome."""
    counts = Counter(pod.outcome for pod in record.pods)
    counts.update(record.left_out)
    return Counter({outcome: counts[outcome] for outcome in Outcome if counts[outcome]})


def short_node(node: str, characters: int = NODE_CHARACTERS) -> str:
    """Return the end of the name of a node, which includes its node pool."""
    return node if len(node) <= characters else f"..{node[2 - characters :]}"


def short_pod(name: str) -> str:
    """Return the end of the name of a Pod, as in the lines of its log."""
    return name.rpartition("-")[2][-5:] if name else "?"


def index_ranges(indexes: Iterable[str], characters: int) -> str:
    """Return indexes in the form of Kubernetes, `0-4,7`, with as many complete ranges as fit: `0-4,..`."""
    numbers = sorted({int(index) for index in indexes if index.isascii() and index.isdigit() and len(index) < 10})
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    shown = [f"{first}-{last}" if last > first else str(first) for first, last in ranges]
    if len(whole := ",".join(shown)) <= characters:
        return whole
    room = [number for number in range(len(shown)) if len(",".join([*shown[:number], ".."])) <= characters]
    return ",".join([*shown[: room[-1]], ".."]) if room else ""


def shortened(words: str, most: int) -> str:
    """Return text of at most so many characters, without its middle, as the end is as important as the beginning."""
    if len(words) <= most:
        return words
    end = most // 3
    return f"{words[: most - end - len(LEFT_OUT)]}{LEFT_OUT}{words[-end:]}"


def median(values: Sequence[float]) -> float:
    """Return the median of the values, 0 for none."""
    return sorted(values)[len(values) // 2] if values else 0.0
