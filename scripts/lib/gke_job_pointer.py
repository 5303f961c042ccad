"""Kubernetes Jobs on a GKE cluster as Airflow tasks: the release that DAGs use.

deploy-dags writes this file at the end of a deployment. It names a release: a directory beside this one that never
changes. Files of a bucket reach a machine one by one, in any order: if a release is not complete on this machine, the
previous one is used. A process that has imported this file keeps its release until it ends.
"""

from __future__ import annotations

import hashlib
import time
from importlib import import_module
from pathlib import Path
from typing import Any

# releases: the start time of each, in seconds since the epoch, newest first; deploy-dags uses the other values
DEPLOYED: dict[str, Any] = {"releases": {}, "retired": {}, "examples": []}


def _is_complete(release: Path) -> bool:
    """Whether all files of a release have arrived. Its name ends with the hash of the list of its files."""
    try:
        files = (release / "MANIFEST").read_bytes()
        if hashlib.sha256(files).hexdigest()[:12] != release.name.rpartition("_")[2]:
            return False
        hashes = (line.split("  ", 1) for line in files.decode().splitlines())
        return all(hashlib.sha256((release / path).read_bytes()).hexdigest() == digest for digest, path in hashes)
    except OSError:
        return False


def _release() -> str:
    directory = Path(__file__).resolve().parent.parent / "gke_job_releases"
    releases: dict[str, float] = DEPLOYED["releases"]
    now = time.time()
    for name in sorted(releases, key=lambda name: releases[name] > now):
        if _is_complete(directory / name):
            return name
    raise ImportError(
        f"no release of gke_job is complete in {directory}, of {', '.join(releases)}: "
        "the files of the bucket have not arrived yet, or deploy-dags must run again"
    )


_parent = __name__.rpartition(".")[0]
_package = import_module(".".join([*filter(None, [_parent]), "gke_job_releases", _release(), "gke_job"]))
__all__ = list(_package.__all__)


def __getattr__(name: str) -> Any:
    return getattr(_package, name)
