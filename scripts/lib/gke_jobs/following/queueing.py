"""Finds out why suspended Jobs wait in a queue of Kueue, from their Workloads, which it reads at growing intervals."""

from __future__ import annotations

from collections.abc import Iterator

from gke_jobs import kueue
from gke_jobs.following.events import Action, Message, ReadWorkload, ReadWorkloads, WorkloadRead, WorkloadsRead
from gke_jobs.following.jobs import Job
from gke_jobs.json_access import Json, is_uid
from gke_jobs.kueue import Queued

# Seconds until the Workload of a waiting Job is read, and between further reads. The last one keeps a long wait below
# two requests a minute; the watches need 1.7, and one read is two requests.
MOST = 500  # the maximum number of Jobs whose Workloads are read
LEAST = 15.0  # the minimum between two reads for many Jobs
PAUSES = (1.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Queueing:
    """Logs why one Job waits; read_at: when to read its Workload."""

    def __init__(self) -> None:
        self.read_at: float | None = None
        self._reads = 0
        self._logged: set[str] = set()  # each reason is logged once
        self._place = ""

    def act(self, job: Job, now: float) -> Iterator[Action]:
        """Read the Workload when it is due."""
        if job.state != "Suspended" or not job.queue or job.deleting:
            self.read_at, self._reads = None, 0
            return
        if self.read_at is None:
            self.read_at = now + PAUSES[0]
        if now >= self.read_at:
            self._reads = min(self._reads + 1, len(PAUSES) - 1)
            self.read_at = now + PAUSES[self._reads]
            yield ReadWorkload(job.uid, job.queue)

    def read(self, event: WorkloadRead, job: Job | None) -> Iterator[Action]:
        """Log new reasons; nothing if the Workload could not be read, as that right is optional."""
        if event.queued is None or job is None or self.read_at is None:
            return
        new = [reason for reason in kueue.reasons(event.queued) if reason not in self._logged]
        place = kueue.place(event.queued)
        if new or place != self._place:
            self._logged.update(new)
            self._place = place
            if text := "; ".join(filter(None, [*new, place])):
                yield Message(f"Kueue: {text}")


class Queues:
    """Tracks why many Jobs wait. reasons: the reason by uid of the Job; read_at: when to read the Workloads."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.read_at: float | None = None
        self._waiting: set[str] = set()
        self._known: set[str] = set()  # waiting Jobs for which a read was scheduled
        self._uids: tuple[str, ...] = ()  # the Jobs of the last read
        self._reads, self._last_read_at = 0, float("-inf")

    def note(self, uid: str, job: Json) -> None:
        """Register a Job."""
        if kueue.queue_of(job) and is_uid(uid):
            self._waiting.add(uid)
        else:
            self.forget(uid)

    def forget(self, uid: str) -> None:
        """Remove a Job that no longer waits or was removed."""
        self._waiting.discard(uid)
        self._known.discard(uid)
        self.reasons.pop(uid, None)

    def act(self, now: float) -> Iterator[Action]:
        """Read the Workloads when they are due: soon after a Job has begun to wait."""
        if not self._waiting:
            self.read_at = None
            return
        if not self._waiting <= self._known:
            self._known, self._reads = set(self._waiting), 0
            soon = max(now + PAUSES[0], self._last_read_at + LEAST)
            self.read_at = soon if self.read_at is None else min(self.read_at, soon)
        if self.read_at is not None and now >= self.read_at:
            self._reads, self._last_read_at = min(self._reads + 1, len(PAUSES) - 1), now
            self.read_at = now + PAUSES[self._reads]
            self._uids = tuple(sorted(self._waiting)[:MOST])
            yield ReadWorkloads(self._uids)

    def read(self, event: WorkloadsRead) -> list[str]:
        """Process the Workloads; return the uids of the Jobs whose reasons have changed."""
        if event.by_job is None:
            return []
        missing: Json = {} if event.is_served else None
        asked = [uid for uid in self._uids if uid in self._waiting]
        found = {uid: Queued(workload=event.by_job.get(uid, missing)) for uid in asked}
        before = self.reasons
        self.reasons = {uid: f"Kueue: {'; '.join(kueue.reasons(one))}" for uid, one in found.items()}
        return [uid for uid, reason in self.reasons.items() if reason != before.get(uid)]
