"""Why a suspended Job waits in a queue of Kueue: its Workload says. It is read while the Job waits, ever less often."""

from __future__ import annotations

from collections.abc import Iterator

from gke_jobs import kueue
from gke_jobs.following.events import Action, Message, ReadWorkload, WorkloadRead
from gke_jobs.following.jobs import Job

# Seconds from when the Job waits until its Workload is read, again and again. The last keeps a long wait within two
# requests a minute, of which the watches take 1.7: one read is two requests.
PAUSES = (1.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Queueing:
    """What was logged of the queue; ask_at: when the Workload is to be read."""

    def __init__(self) -> None:
        self.ask_at: float | None = None
        self._asked = 0
        self._said: set[str] = set()  # each reason is logged once
        self._place = ""

    def act(self, job: Job, now: float) -> Iterator[Action]:
        """Ask for the Workload when it is due."""
        if job.state != "Suspended" or not job.queue or job.deleting:
            self.ask_at, self._asked = None, 0
            return
        if self.ask_at is None:
            self.ask_at = now + PAUSES[0]
        if now >= self.ask_at:
            self._asked = min(self._asked + 1, len(PAUSES) - 1)
            self.ask_at = now + PAUSES[self._asked]
            yield ReadWorkload(job.uid, job.queue)

    def read(self, event: WorkloadRead, job: Job | None) -> Iterator[Action]:
        """Log what is new; nothing where the Workload could not be read, which is no right that a follower needs."""
        if event.queued is None or job is None or self.ask_at is None:
            return
        new = [reason for reason in kueue.reasons(event.queued) if reason not in self._said]
        place = kueue.place(event.queued)
        if new or place != self._place:
            self._said.update(new)
            self._place = place
            if said := "; ".join(filter(None, [*new, place])):
                yield Message(f"Kueue: {said}")
