"""Prints the Jobs in a list of `list-jobs --json`: NAME NAMESPACE UID, one line for each Job.

command.py job-names FILE. Each word is checked, because it becomes part of a command. Entries that are no valid Job are
logged and skipped. Exit code 65 if the file is no such list.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.json_access import Json, is_uid, text_at
from gke_jobs.messages import log
from gke_jobs.plain_text import is_name, one_line


def checked_names(listed: Json) -> list[str]:
    """Return `NAME NAMESPACE UID` for each Job of a list; log other entries. ValueError if it is no such list."""
    if not isinstance(listed, list):
        raise ValueError("no list")
    lines = []
    for job in listed:
        name, namespace, uid = text_at(job, "job"), text_at(job, "namespace"), text_at(job, "uid")
        if is_name(name) and is_name(namespace) and is_uid(uid):
            lines.append(f"{name} {namespace} {uid}")
        else:
            log(f"skipping an entry without the name, namespace and uid of a Job: {one_line(name)!r}")
    return lines


def main() -> int:
    """Print the names of a list in a file."""
    try:
        lines = checked_names(json.loads(Path(sys.argv[1]).read_bytes()))
    except (OSError, ValueError, RecursionError):
        return exit_codes.DATA
    print("".join(f"{line}\n" for line in lines), end="")
    return 0
