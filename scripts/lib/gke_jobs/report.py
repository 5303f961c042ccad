"""What a run leaves for the program that has started it, in files of the directory that GKE_JOB_REPORT names.

job: NAME NAMESPACE UID; logs: where Cloud Logging shows its logs, a URL; reason: the last message of a script;
failure.json: why the Job failed, {"cause": text, "advice": text, "exit_codes": [of the failed Pods]}; findings.json:
{"findings": [...]}, those of check-setup. Each is there when it is known. The texts are sanitized.
dags/gke_job/report.py reads them.
"""

from __future__ import annotations

import os
from contextlib import suppress

DIRECTORY = os.environ.get("GKE_JOB_REPORT", "")


def report(name: str, text: str) -> None:
    """Leave a text. Never fails: the run does not depend on it."""
    if DIRECTORY:
        with suppress(OSError, ValueError), open(os.path.join(DIRECTORY, name), "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
