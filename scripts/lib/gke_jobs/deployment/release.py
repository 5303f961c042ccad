"""A release: the package gke_job with the scripts and templates that it runs, as one directory that never changes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "MANIFEST"
PATH = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")  # of a file below the folder of a release
PARTS = {"gke_job": "dags/gke_job", "scripts": "scripts", "templates": "templates"}  # and where they are in a checkout
HASH_CHARACTERS = 12


@dataclass(frozen=True)
class Release:
    """name: a name of Python, version and hash of the content; files: content by path, without the list of files."""

    name: str
    files: dict[str, bytes]
    manifest: bytes


def read_release(checkout: Path) -> Release:
    """Return the release that a checkout holds."""
    files = {}
    for part, place in PARTS.items():
        for path, content in read_files(checkout / place).items():
            files[f"{part}/{path}"] = content
    manifest = "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)).encode()
    version = files["scripts/VERSION"].decode().strip().replace(".", "_")
    return Release(f"v{version}_{hashlib.sha256(manifest).hexdigest()[:HASH_CHARACTERS]}", files, manifest)


def read_files(directory: Path) -> dict[str, bytes]:
    """Return the files below a directory, by path, without compiled Python."""
    paths = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.parent.name != "__pycache__")
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}
