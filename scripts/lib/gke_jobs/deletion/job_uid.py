"""Prints the uid of the Job with a name; nothing if there is no such Job.

command.py job-uid CONNECTION --namespace NAME --job NAME [--unreachable-timeout SECONDS] -- PROXY
"""

from __future__ import annotations

import sys

from gke_jobs import exit_codes
from gke_jobs.connection import jobs_path
from gke_jobs.job_options import parse_job_options
from gke_jobs.json_access import is_uid, text_at
from gke_jobs.messages import ERROR, ScriptError, die, log


def main() -> int:
    """Run the command."""
    try:
        options = parse_job_options(sys.argv[1:])
        job = options.reader.get(f"read Job {options.job}", jobs_path(options.namespace, options.job))
        uid = text_at(job, "metadata", "uid")
        if job is not None and not is_uid(uid):
            die(exit_codes.UNREACHABLE, f"Job {options.job} has no uid: the response is not from Kubernetes")
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    if uid:
        print(uid)
    return 0
