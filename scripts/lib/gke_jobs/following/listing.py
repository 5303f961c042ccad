"""Shows all Jobs of the toolkit whenever one of them changes, or when it is due, for list-jobs --watch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from gke_jobs.connection import Connection
from gke_jobs.following.overview import Overview, Report
from gke_jobs.following.phases import Phase
from gke_jobs.following.watcher import run
from gke_jobs.json_access import Json

SETTLE_SECONDS = 0.2  # in which further changes are shown together with the first
CHANGES = ("job", "gone", "synced")  # kinds of reports


def watch(
    connection: Connection,
    namespace: str,
    unreachable: float,
    show: Callable[[list[tuple[Json, list[Phase]]]], float],
) -> int:
    """Call `show` with all Jobs and the phases of their Pods, until the watch fails; return the exit code.

    show: returns after how many seconds it must be called again if nothing changes before
    """
    overview = Overview(namespace, unreachable)
    changes = Changes()

    def take(reports: Sequence[Report]) -> float | None:
        if changes.should_show([str(report.content["event"]) for report in reports], time.monotonic()):
            changes.show_at = time.monotonic() + show(overview.jobs())
        return changes.show_at

    return run(connection, namespace, overview, take)


class Changes:
    """Decides when the Jobs are shown: soon after a change, but only after all have been listed.

    show_at: that time, None if nothing has changed; callers may set it
    """

    def __init__(self) -> None:
        self.show_at: float | None = None
        self._is_synced = False

    def should_show(self, reports: Sequence[str], now: float) -> bool:
        """Process the events of reports; return whether to show the Jobs now."""
        self._is_synced = self._is_synced or "synced" in reports
        if self._is_synced and any(event in CHANGES for event in reports):
            settled = now + SETTLE_SECONDS
            self.show_at = settled if self.show_at is None else min(self.show_at, settled)
        if self.show_at is None or now < self.show_at:
            return False
        self.show_at = None
        return True
