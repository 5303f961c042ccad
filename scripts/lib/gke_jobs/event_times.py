"""When an Event of Kubernetes was last seen."""

from __future__ import annotations

from datetime import datetime, timezone

from gke_jobs.json_access import Json, text_at
from gke_jobs.plain_text import parse_time

BEGINNING = datetime.min.replace(tzinfo=timezone.utc)


def last_seen(event: Json) -> datetime:
    """Return when the Event was last seen; the fields for that depend on who made it. BEGINNING when none says."""
    fields = (
        text_at(event, "series", "lastObservedTime"),
        text_at(event, "lastTimestamp"),
        text_at(event, "eventTime"),
        text_at(event, "metadata", "creationTimestamp"),
    )
    return next((time for field in fields if (time := parse_time(field))), BEGINNING)
