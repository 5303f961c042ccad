"""Imitates the controller that deletes finished Jobs after their ttlSecondsAfterFinished."""

from __future__ import annotations

from localgke.jobs import verdict
from localgke.objects import JOBS, delete, seconds_until
from localgke.store import Object, Store


def sync(store: Store) -> float | None:
    """Deletes expired Jobs. Call it whenever a Job has changed. Returns the seconds until the next one expires."""
    waits = [_expire(store, job) for job in store.list(JOBS) if "deletionTimestamp" not in job["metadata"]]
    return min((seconds for seconds in waits if seconds is not None), default=None)


def _expire(store: Store, job: Object) -> float | None:
    ttl, ended = job["spec"].get("ttlSecondsAfterFinished"), verdict(job)
    if ttl is None or ended is None:
        return None
    seconds = seconds_until(ended["lastTransitionTime"], ttl)
    if seconds:
        return seconds
    delete(store, job, "Foreground")
    return None
