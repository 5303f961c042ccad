"""Keeps the data of each Pod for the record while a Job runs, with bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from gke_jobs.json_access import Json, text_at
from gke_jobs.timeline.pod_runs import pod_run
from gke_jobs.timeline.record import Outcome, PodRun

MOST_PODS = 4000  # 1,000 Pods with 3 retries each, about 3 MiB; of more, the first to succeed are only counted


class PodHistory:
    """The Pods of one Job by uid. before: from earlier checks; left_out: how many these have only counted."""

    def __init__(self, before: Iterable[PodRun] = (), left_out: Mapping[Outcome, int] | None = None) -> None:
        self._runs = {run.uid: run for run in before}
        self._removed: set[str] = set()  # including those that are only counted
        self.left_out_before = dict(left_out or {})
        self.left_out = Counter(self.left_out_before)

    def all(self) -> tuple[PodRun, ...]:
        """Return the Pods in the order in which they were first seen."""
        return tuple(self._runs.values())

    def removed_first(self) -> tuple[list[PodRun], int]:
        """Return the Pods, removed ones first because they cannot be read again, and the number of these."""
        removed = [run for uid, run in self._runs.items() if uid in self._removed]
        return [*removed, *(run for uid, run in self._runs.items() if uid not in self._removed)], len(removed)

    def only(self, there: Set[str], now: float) -> None:
        """Process the uids of a complete list: other Pods have been removed. now: seconds since the epoch."""
        for uid, run in self._runs.items():
            if uid not in there and uid not in self._removed:
                self._removed.add(uid)
                if not run.outcome.is_over:
                    self._runs[uid] = replace(run, outcome=Outcome.REMOVED, reason="", ended=now)

    def change(self, item: Json, *, is_deleted: bool, now: float) -> None:
        """Process the present state of a Pod, or its last one."""
        uid = text_at(item, "metadata", "uid")
        if not uid or uid in self._removed:
            return
        before = self._runs.get(uid)
        run = pod_run(item, before, is_removed=is_deleted)
        if run.outcome.is_over and run.ended is None:  # Kubernetes does not report the time
            run = replace(run, ended=(before.ended if before else None) or now)
        self._runs[uid] = run
        if is_deleted:
            self._removed.add(uid)
        if len(self._runs) > MOST_PODS:
            self._drop_one()

    def _drop_one(self) -> None:
        succeeded = (uid for uid, run in self._runs.items() if run.outcome is Outcome.SUCCEEDED)
        over = (uid for uid, run in self._runs.items() if run.outcome.is_over)
        uid = next(succeeded, None) or next(over, None) or next(iter(self._runs))
        self.left_out[self._runs.pop(uid).outcome] += 1
        self._removed.add(uid)
