"""Runs one command of the package gke_jobs, which lies beside this file: command.py NAME ARGUMENT...

It needs the standard library alone: `python -I -S -B` starts it without site-packages and other people's modules.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper

MODULES = {
    "access": "gke_jobs.access.command",
    "check-setup": "gke_jobs.preflight.command",
    "created": "gke_jobs.submission.created",
    "deployment": "gke_jobs.deployment.command",
    "explain-error": "gke_jobs.error_texts",
    "explain-job": "gke_jobs.diagnosis.explain",
    "follow": "gke_jobs.following.follower",
    "job-list": "gke_jobs.job_list",
    "job-names": "gke_jobs.job_names",
    "job-of-task": "gke_jobs.job_of_task",
    "job-uid": "gke_jobs.deletion.job_uid",
    "may-reap": "gke_jobs.deletion.reaping",
    "owned-object": "gke_jobs.submission.owned_object",
    "plugin-arguments": "gke_jobs.access.plugin",
    "programs": "gke_jobs.access.programs",
    "release-parsed": "gke_jobs.deployment.waiting",
    "release-start": "gke_jobs.deployment.start",
    "results": "gke_jobs.collect",
    "submission": "gke_jobs.submission.command",
    "timeline": "gke_jobs.timeline.command",
    "wait-gone": "gke_jobs.deletion.waiting",
    "watch-jobs": "gke_jobs.following.watcher",
}

CONFIG, INTERRUPTED = 78, 129  # as in exit_codes


def main(name: str) -> int:
    """Run a command; return its exit code.

    No exception reaches Python, whose exit code would be 1, that of a failed Job.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # None if the descriptor is closed
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # whatever the locale
    try:
        status: int = import_module(MODULES[name]).main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of stdout or stderr has gone
        return _failed("")
    except OSError as error:  # for example a full disk
        return _failed(
            f"cannot continue: {error.strerror or error}: is there free space in the directory for temporary files?"
        )
    except Exception:  # a defect; Python's exit code 1 would mean that the Job failed
        import traceback

        return _failed(traceback.format_exc())
    return status


def _failed(words: str) -> int:
    """Print the error if stderr still works. Python does not flush the remaining output again when it exits."""
    from contextlib import suppress

    from gke_jobs.messages import log

    with suppress(OSError, ValueError):
        if words:
            log(words)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno() if sys.stdout else 1)
    return CONFIG if words else INTERRUPTED


if __name__ == "__main__":
    sys.dont_write_bytecode = True  # the directory of the scripts may be read-only, or synchronized
    sys.path.insert(0, os.path.dirname(__file__))
    sys.exit(main(sys.argv.pop(1)))
