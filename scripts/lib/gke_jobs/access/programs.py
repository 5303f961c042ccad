"""Copies programs from a synchronized bucket, where they cannot be executable, to a directory where they are.

command.py programs --from DIR --cache DIR

stdout: the private directory with the copies, one for each DIR. A program is copied again when its size or modification
time changes.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.access.cache import use_entry
from gke_jobs.messages import ERROR, ScriptError, die, log
from gke_jobs.plain_text import printable

NAMES = ("kubectl", "gke-gcloud-auth-plugin")
TRIES = 3  # to copy a file that changes during the copy
LEFT_SECONDS = 3600  # after that, a temporary file is that of a killed process


def copy(source: Path, target: Path) -> None:
    """Copy a program atomically unless the copy exists. OSError if that is not possible."""
    with suppress(FileNotFoundError):
        if _version(source) == _version(target):
            return
    new = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        for _ in range(TRIES):
            before = source.stat()
            shutil.copyfile(source, new)
            if _version(source) == (before.st_size, before.st_mtime_ns) and new.stat().st_size == before.st_size:
                break
        else:
            die(
                exit_codes.CONFIG,
                f"{printable(str(source))} changed while it was copied: try again after it is complete",
            )
        new.chmod(0o700)
        os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.replace(new, target)
    finally:
        new.unlink(missing_ok=True)


def _version(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def copy_all(source: Path, cache: Path) -> Path:
    """Copy the programs of a directory; return the directory of the copies. OSError, ScriptError."""
    where = printable(str(cache))
    if ":" in str(cache):
        die(exit_codes.CONFIG, f"{where} cannot be part of PATH: set GKE_JOB_CACHE to a directory without ':'")
    place = use_entry(cache, ["programs", str(source)])
    if place is None:
        die(exit_codes.CONFIG, f"{where} is not a private directory of this user: set GKE_JOB_CACHE to another one")
    found = [name for name in NAMES if (source / name).is_file()]
    if not found:
        die(exit_codes.CONFIG, f"GKE_JOB_TOOLS: {printable(str(source))} has no {' and no '.join(NAMES)}")
    with _locked(place):
        _remove_left(place)
        for name in NAMES:
            if name in found:
                copy(source / name, place / name)
            else:
                (place / name).unlink(missing_ok=True)
    return place


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold a lock, so that of several processes one copies."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_left(place: Path) -> None:
    for file in place.iterdir():
        with suppress(FileNotFoundError):
            if file.name not in NAMES and time.time() - file.stat().st_mtime > LEFT_SECONDS:
                file.unlink()


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    try:
        print(copy_all(options.source.absolute(), options.cache.absolute()))
    except OSError as error:
        where = printable(str(error.filename or options.source))
        log(f"cannot copy the programs of GKE_JOB_TOOLS: {where}: {error.strerror}", ERROR)
        return exit_codes.CONFIG
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    return exit_codes.SUCCEEDED
