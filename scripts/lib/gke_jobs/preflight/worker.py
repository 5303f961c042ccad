"""Checks the machine of the scripts: free space, and memory for the tasks that wait at once."""

from __future__ import annotations

import os
from pathlib import Path

from gke_jobs.preflight.finding import Finding, failed, ok, warning

MIB = 1 << 20
LEAST_ROOM = 64 << 10  # bytes; with less, no script starts; as in private_dir.bash
ROOM = 16 * MIB  # for manifests, results and logs of many runs
# Private memory of a worker with Celery, and of each task that waits for its Job in it: Airflow 3.3.2, compiled
# packages, a DAG that imports only the toolkit; measured by `make bench-slots` on 2026-11-27.
WORKER, WAIT = 270 * MIB, 61 * MIB
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
UNLIMITED = 1 << 60


def check_space(directory: str) -> Finding:
    """Return the finding whether there is space for temporary files."""
    try:
        found = os.statvfs(directory)
    except OSError as error:
        return failed("space", f"{directory}: {error.strerror}", "set TMPDIR to another directory")
    free = found.f_bavail * found.f_frsize
    if free < LEAST_ROOM:
        return failed(
            "space", f"{free} bytes free in {directory}, at least {LEAST_ROOM}", "set TMPDIR to another directory"
        )
    if free < ROOM:
        found_words = f"{free // MIB} MiB free in {directory}"
        return warning("space", found_words, f"have {ROOM // MIB} MiB, or set TMPDIR to another directory")
    return ok("space", f"{free // MIB} MiB free in {directory}")


def memory_limit() -> int:
    """Return how many bytes of memory this container may use, or this machine has."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in LIMITS:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        found += [int(text)] if text.isdecimal() and int(text) < UNLIMITED else []
    return min(found)


def check_memory(limit: int, slots: int) -> Finding:
    """Return the finding whether so many bytes are enough for so many tasks that wait at once."""
    needed = WORKER + slots * WAIT
    found = f"{limit // MIB} MiB for {slots} worker slots; that many waiting tasks need at least {needed // MIB} MiB"
    if limit < needed:
        most = max(0, (limit - WORKER) // WAIT)
        return warning(
            "memory",
            found,
            f"set [celery] worker_concurrency to {most} or less, give workers more memory, or defer the tasks",
        )
    return ok("memory", found)
