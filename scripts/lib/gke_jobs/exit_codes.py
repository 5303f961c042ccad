"""The exit codes of every script, the same as in scripts/lib/bash/common.bash; scripts/README.md describes each."""

from __future__ import annotations

SUCCEEDED = 0
JOB_FAILED = 1
USAGE = 64
DATA = 65
NO_TEMPLATE = 66
UNREACHABLE = 69
NOT_FINISHED = 75
DENIED = 77
CONFIG = 78
TIMEOUT = 124
INTERRUPTED = 129  # like a hangup: the output is closed, or a stage ended without a verdict
