"""The events of one object as lines of text: the warnings of Kubernetes and GKE."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gke_jobs.diagnosis.pod_facts import scheduler_text
from gke_jobs.event_times import BEGINNING, last_seen
from gke_jobs.json_access import Json, int_at, text_at
from gke_jobs.plain_text import duration, one_line

EVENTS = 5  # of one object
# Events of type Normal that are also relevant.
RELEVANT = {"TriggeredScaleUp", "NotTriggerScaleUp", "Preempted", "TaintManagerEviction"}
# Reasons for which no container of a Pod can start.
BEFORE_STARTS = {"FailedMount", "FailedMapVolume", "FailedAttachVolume", "FailedCreatePodSandBox"}


@dataclass(frozen=True, kw_only=True)
class EventLine:
    """Equal events about one object, as one line of text. `message` has only the reason and the message."""

    text: str
    message: str


def event_lines(events: Iterable[Json], now: datetime, known: str = "") -> list[EventLine]:
    """Return the last warnings of one object, newest last, without those whose message is in `known`."""
    counts: dict[tuple[str, str], int] = {}
    latest: dict[tuple[str, str], datetime] = {}
    for event in events:
        message, reason = scheduler_text(one_line(text_at(event, "message"))), one_line(text_at(event, "reason"))
        parts = message, message.partition(": ")[2]  # many begin with `Error: `
        is_relevant = text_at(event, "type") == "Warning" or reason in RELEVANT
        if is_relevant and (reason or message) and not any(part and part in known for part in parts):
            key, time = (reason, message), last_seen(event)
            counts[key] = counts.get(key, 0) + _count(event)
            latest[key] = max(latest.get(key, time), time)
    newest = sorted(counts, key=lambda key: latest[key])[-EVENTS:]
    return [_line(*key, counts[key], latest[key], now) for key in newest]


def events_since(began: datetime, started: datetime | None, events: Iterable[Json]) -> list[Json]:
    """Return the events that are still relevant.

    began: when the container that failed had started. Older events are not relevant
    started: when the first container had started, None if none has. Older events about the start are not relevant
    """
    return [
        event
        for event in events
        if (last_seen(event) == BEGINNING or last_seen(event) >= began)
        and not (started and text_at(event, "reason") in BEFORE_STARTS and last_seen(event) <= started)
    ]


def _line(reason: str, message: str, count: int, last: datetime, now: datetime) -> EventLine:
    times = f", {count} times, last" if count > 1 else ","
    ago = f"{duration(last, now)} ago" if last > BEGINNING else "at an unknown time"
    when = f"{reason or 'without a reason'}{times} {ago}"
    return EventLine(text=f"event {when}: {message}" if message else f"event {when}", message=f"{reason}: {message}")


def _count(event: Json) -> int:
    return max(1, int_at(event, "series", "count") or int_at(event, "count"))
