"""What was read of one Job for its diagnosis."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime

from gke_jobs.json_access import Json, text_at
from gke_jobs.kueue import Queued


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was read of one Job. None stands for what could not be read; an empty `job` is one that is not there.

    unread: why, a sanitized line, by what: `job`, `pods`, `events`, `queue`; unread_logs: likewise by Pod and container
    """

    name: str
    uid: str
    job: Json
    pods: list[Json] | None
    events: list[Json]
    logs: dict[tuple[str, str], bytes] = field(default_factory=dict)  # by Pod and container
    unread: dict[str, str] = field(default_factory=dict)
    unread_logs: dict[tuple[str, str], str] = field(default_factory=dict)
    more_pods: bool = False  # than were read
    queued: Queued | None = None  # what Kueue has of it, None for a Job that waits in no queue
    shown_logs: Set[tuple[str, str]] = frozenset()  # by Pod and container: were shown live, and are left out
    now: datetime

    def events_of(self, uid: str) -> list[Json]:
        """Return the events about one object."""
        return [event for event in self.events if uid and text_at(event, "involvedObject", "uid") == uid]
