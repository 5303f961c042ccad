"""A DAG folder with releases."""

from __future__ import annotations

import time
from pathlib import Path

from gke_jobs.deployment import plan
from gke_jobs.deployment.deployed import Deployed, read_pointer, write_pointer
from gke_jobs.deployment.release import read_files, read_release


def deploy(checkout: Path, folder: Path, *, seconds_ago: int = 1000, prefix: str = "") -> str:
    """Fills a DAG folder as deploy-dags and Composer do, without run bits; returns the name of the release."""
    release = read_release(checkout)
    examples = read_files(checkout / "dags/examples")
    request = plan.Request(prefix=prefix, examples=examples, now=int(time.time()) - seconds_ago)
    pointer = folder / prefix / "gke_job/__init__.py"
    before = read_pointer(pointer.read_text()) if pointer.exists() else Deployed()
    chosen = plan.plan(request, release, before, {})
    for name, content in chosen.uploads.items():
        file = folder.parent / name.replace("dags", folder.name, 1)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    pointer.write_text(write_pointer((checkout / "scripts/lib/gke_job_pointer.py").read_text(), chosen.deployed))
    return release.name
