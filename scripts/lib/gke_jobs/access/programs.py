"""Copies programs that a bucket has brought, which have no run bit there, to where they can be run.

command.py programs --from DIR --cache DIR

stdout: the directory with the copies, private. A copy is made anew when the file has another size or time.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.access.cache import private_directory
from gke_jobs.messages import ERROR, log
from gke_jobs.plain_text import printable

NAMES = ("kubectl", "gke-gcloud-auth-plugin")
DIRECTORY = "programs"  # in the cache


def copy(source: Path, target: Path) -> None:
    """Copy a program in one step unless the copy is there. OSError when that is not possible."""
    wanted = source.stat()
    if target.exists():
        found = target.stat()
        if (found.st_size, found.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns):
            return
    new = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        shutil.copy2(source, new)
        new.chmod(0o700)
        os.replace(new, target)
    finally:
        new.unlink(missing_ok=True)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    try:
        place = private_directory(options.cache, options.cache / DIRECTORY)
        if place is None:
            log(f"{options.cache} is not a private directory of ours: name another one in GKE_JOB_CACHE", ERROR)
            return exit_codes.CONFIG
        found = [name for name in NAMES if (options.source / name).is_file()]
        if not found:
            log(f"{printable(str(options.source))}, which GKE_JOB_TOOLS names, has no {' and no '.join(NAMES)}", ERROR)
            return exit_codes.CONFIG
        for name in NAMES:
            if name in found:
                copy(options.source / name, place / name)
            else:
                (place / name).unlink(missing_ok=True)
        os.utime(place)  # it is in use
    except OSError as error:
        where = printable(str(error.filename or options.source))
        log(f"cannot copy the programs of GKE_JOB_TOOLS: {where}: {error.strerror}", ERROR)
        return exit_codes.CONFIG
    print(place)
    return exit_codes.SUCCEEDED
