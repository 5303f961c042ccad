"""Prints which Jobs a list of `list-jobs --json` names: NAME NAMESPACE UID, a line a Job.

command.py job-names FILE. Each word is checked, for it becomes part of a command. Exit code 65 for
what is no such list.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.json_access import Json, text_at
from gke_jobs.plain_text import is_name

UID = re.compile(r"[0-9a-zA-Z-]{1,64}")


def checked_names(listed: Json) -> list[str]:
    """Return `NAME NAMESPACE UID` for each Job of a list; ValueError for what is no such list."""
    if not isinstance(listed, list):
        raise ValueError("no list")
    lines = []
    for job in listed:
        name, namespace, uid = text_at(job, "job"), text_at(job, "namespace"), text_at(job, "uid")
        if not (is_name(name) and is_name(namespace) and UID.fullmatch(uid)):
            raise ValueError("a Job without name, namespace and uid")
        lines.append(f"{name} {namespace} {uid}")
    return lines


def main() -> int:
    """Print the names of a list in a file."""
    try:
        lines = checked_names(json.loads(Path(sys.argv[1]).read_bytes()))
    except (OSError, ValueError, RecursionError):
        return exit_codes.DATA
    print("".join(f"{line}\n" for line in lines), end="")
    return 0
