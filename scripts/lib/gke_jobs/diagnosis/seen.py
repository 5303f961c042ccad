"""The data that was read of one Job for its diagnosis."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime

from gke_jobs.json_access import Json, text_at
from gke_jobs.kueue import Queued


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The data of one Job. None: it could not be read. An empty `job` does not exist.

    unread: why something could not be read, a sanitized line for `job`, `pods`, `events` or `queue`
    unread_logs: why a log could not be read, by Pod and container
    """

    name: str
    uid: str
    job: Json
    pods: list[Json] | None
    events: list[Json]
    logs: dict[tuple[str, str], bytes] = field(default_factory=dict)  # by Pod and container
    unread: dict[str, str] = field(default_factory=dict)
    unread_logs: dict[tuple[str, str], str] = field(default_factory=dict)
    more_pods: bool = False  # more Pods exist than were read
    queued: Queued | None = None  # its state in Kueue, None for a Job that waits in no queue
    shown_logs: Set[tuple[str, str]] = frozenset()  # logs that were printed live and are left out, by Pod and container
    now: datetime

    def events_of(self, uid: str) -> list[Json]:
        """Return the events about one object."""
        return [event for event in self.events if uid and text_at(event, "involvedObject", "uid") == uid]
