"""The time at which an Event of Kubernetes was last seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from gke_jobs.json_access import Json, text_at
from gke_jobs.plain_text import parse_time

BEGINNING = datetime.min.replace(tzinfo=timezone.utc)
CLOCKS_DIFFER = timedelta(minutes=5)  # the maximum difference


def last_seen(event: Json) -> datetime:
    """Return when the Event was last seen; the field depends on its source. BEGINNING if no field has a time."""
    return next(_times(event), BEGINNING)


def is_in_future(event: Json, now: datetime) -> bool:
    """Whether the time of the Event is in the future: it is forged, and would be newer than any other."""
    return any(time > now + CLOCKS_DIFFER for time in _times(event))


def _times(event: Json) -> Iterator[datetime]:
    fields = (
        text_at(event, "series", "lastObservedTime"),
        text_at(event, "lastTimestamp"),
        text_at(event, "eventTime"),
        text_at(event, "metadata", "creationTimestamp"),
    )
    return (time for field in fields if (time := parse_time(field)))
