"""Files that a run leaves for the program that started it, in the directory that GKE_JOB_CALLER_DIR names.

job: NAME NAMESPACE UID; logs: the URL of its logs in Cloud Logging; reason: the last message of a script;
failure.json: why the Job failed, {"cause": text, "advice": text, "exit_codes": [of the failed Pods]}; findings.json:
{"findings": [...]} of check-setup. A file exists only if its content is known. The texts are sanitized.
dags/gke_job/run_directory.py reads the files.
"""

from __future__ import annotations

import os
from contextlib import suppress

DIRECTORY = os.environ.get("GKE_JOB_CALLER_DIR", "")


def tell_caller(name: str, text: str) -> None:
    """Write a file. It never fails: the run does not depend on it."""
    if DIRECTORY:
        with suppress(OSError, ValueError), open(os.path.join(DIRECTORY, name), "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
