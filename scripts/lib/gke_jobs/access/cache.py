"""The cache of kubeconfigs: a directory for each cluster, endpoint and account.

Each use checks the owner and the permissions of the directory anew, because other users may write to its parent.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

KUBECONFIG, TOKEN = "kubeconfig", "gke_gcloud_auth_plugin_cache"
FRESH_SECONDS = 3600
TOKEN_SECONDS = 120  # the minimum remaining lifetime of a token
UNUSED_SECONDS = 24 * 3600  # an entry unused for so long is removed
ENTRY = re.compile(r"[0-9a-f]{32}")


def entry(cache: Path, identity: list[str]) -> Path | None:
    """Return the cache directory for `identity`, created if needed; None if nothing can be cached."""
    try:
        return use_entry(cache, identity)
    except OSError:
        return None


def use_entry(cache: Path, identity: list[str]) -> Path | None:
    """Do the same as `entry`, but raise OSError if that fails. The entry counts as used: it stays for a day."""
    place = private_directory(cache, cache / sha256(json.dumps(identity).encode()).hexdigest()[:32])
    if place:
        os.utime(place)
    return place


def private_directory(*directories: Path) -> Path | None:
    """Create nested directories; return the last one, or None if another user can write to one of them. OSError."""
    for directory in directories:
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        if not _is_private(directory):
            return None
    return directories[-1]


def _is_private(directory: Path) -> bool:
    found = directory.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def kubeconfig(place: Path) -> str:
    """Return the cached kubeconfig; empty if there is none or it is too old."""
    file = place / KUBECONFIG
    try:
        return file.read_text() if 0 <= time.time() - file.stat().st_mtime < FRESH_SECONDS else ""
    except (OSError, ValueError):
        return ""


def has_token(place: Path) -> bool:
    """Whether the token of the auth plugin is cached and valid for at least TOKEN_SECONDS."""
    try:
        expiry = json.loads((place / TOKEN).read_bytes())["token_expiry"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    soon = datetime.now(timezone.utc) + timedelta(seconds=TOKEN_SECONDS)
    return isinstance(expiry, str) and expiry[:19] > f"{soon:%Y-%m-%dT%H:%M:%S}"


def sweep(own: Path) -> None:
    """Remove the other entries that were not used for UNUSED_SECONDS, and nothing else."""
    for place in own.parent.iterdir():
        with suppress(OSError):
            if place != own and ENTRY.fullmatch(place.name) and _is_unused(place):
                descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if _is_unused(place):
                        shutil.rmtree(place)
                finally:
                    os.close(descriptor)


def _is_unused(place: Path) -> bool:
    return time.time() - place.lstat().st_mtime > UNUSED_SECONDS
