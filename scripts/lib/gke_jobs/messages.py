"""Messages for users on stderr, in the name of the running script."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from gke_jobs.caller import tell_caller

# Prefixes of sd-daemon(3), by which the caller assigns a level to each message in its log.
HAS_LEVELS = bool(os.environ.get("GKE_JOB_LEVELS"))
ERROR, WARNING = ("<3>", "<4>") if HAS_LEVELS else ("", "")
PROGRAM = os.environ.get("GKE_JOB_PROGRAM", "gke-job")  # set by scripts/lib/bash/common.bash


class ScriptError(Exception):
    """Ends the command with an exit code and one line on stderr: what happened, to which object, and what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def log(message: str, level: str = "") -> None:
    """Write one line to stderr. The caller has sanitized foreign text.

    It never fails: no action may depend on a reader of the message.
    """
    with suppress(OSError):
        log_or_fail(message, level)


def log_or_fail(message: str, level: str = "") -> None:
    """Do the same as `log`; OSError if the reader has gone or the disk is full."""
    tell_caller("reason", message)
    sys.stderr.write(f"{level}{PROGRAM}: {message}\n")
    sys.stderr.flush()


def not_found(job: str, namespace: str) -> str:
    """Return the message for a Job that does not exist."""
    return f'jobs.batch "{job}" not found in namespace {namespace}; see: kubectl get jobs --all-namespaces'


def die(status: int, message: str) -> NoReturn:
    """End the command with an exit code and a message."""
    raise ScriptError(status, message)
