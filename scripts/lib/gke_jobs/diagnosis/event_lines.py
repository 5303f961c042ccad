"""The events of one object, as lines of text: what Kubernetes and GKE have complained about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gke_jobs.diagnosis.pod_state import Json, scheduler_words
from gke_jobs.plain_text import duration, one_line, parse_time

EVENTS = 5  # of one object
# Events of type Normal that explain something nevertheless.
TELLING = {"TriggeredScaleUp", "NotTriggerScaleUp", "Preempted", "TaintManagerEviction"}


def event_lines(events: Iterable[Json], now: datetime, known: str = "") -> list[str]:
    """Return the last warnings of one object, the newest last, without those that say what is `known` already."""
    counts: dict[tuple[str, str], int] = {}
    latest: dict[tuple[str, str], datetime] = {}
    for event in events:
        message = scheduler_words(one_line(event.get("message", "")))
        parts = message, message.partition(": ")[2]  # many begin with `Error: `
        if (event.get("type") == "Warning" or event.get("reason") in TELLING) and not any(
            part and part in known for part in parts
        ):
            key = event.get("reason", ""), message
            counts[key] = counts.get(key, 0) + _count(event)
            latest[key] = max(latest.get(key, _time(event)), _time(event))
    newest = sorted(counts, key=lambda key: latest[key])[-EVENTS:]
    times = {key: f", {counts[key]} times, last" if counts[key] > 1 else "," for key in newest}
    return [f"event {key[0]}{times[key]} {duration(latest[key], now)} ago: {key[1]}" for key in newest]


def _count(event: Json) -> int:
    count: int = (event.get("series") or {}).get("count") or event.get("count") or 1
    return count


def _time(event: Json) -> datetime:
    """Return when the event was last seen; the fields for that depend on who made it."""
    times = [(event.get("series") or {}).get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime")]
    return parse_time(next(filter(None, [*times, event["metadata"]["creationTimestamp"]])))
