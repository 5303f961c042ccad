"""Runs one command of the package gke_jobs, which lies beside this file: command.py NAME ARGUMENT...

By path and not by `python -m`, which would put the working directory on the module path.
"""

from __future__ import annotations

import sys
from importlib import import_module

MODULES = {
    "explain-error": "gke_jobs.error_texts",
    "explain-job": "gke_jobs.diagnosis.explain",
    "follow": "gke_jobs.following.follower",
    "job-list": "gke_jobs.job_list",
    "job-names": "gke_jobs.job_names",
    "owned": "gke_jobs.rendering.owned",
    "places": "gke_jobs.rendering.places",
    "results": "gke_jobs.collect",
    "watch-jobs": "gke_jobs.following.watcher",
}

if __name__ == "__main__":
    sys.dont_write_bytecode = True  # the directory of the scripts may be read-only, or synchronized
    name = sys.argv.pop(1)
    sys.exit(import_module(MODULES[name]).main())
