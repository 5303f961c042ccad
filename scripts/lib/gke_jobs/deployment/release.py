"""A release: the package gke_job with the scripts and templates that it runs, as one directory that never changes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "MANIFEST"
_NAME = r"(?!\.\.?(?:/|\Z))[A-Za-z0-9._-]+"
PATH = re.compile(rf"{_NAME}(?:/{_NAME})*")  # path of a file below the folder of a release
LISTED = re.compile(rf"([0-9a-f]{{64}})  ({PATH.pattern})")  # a line of MANIFEST
PARTS = {"gke_job": "dags/gke_job", "scripts": "scripts", "templates": "templates"}  # with their places in a checkout
HASH_CHARACTERS = 12


@dataclass(frozen=True)
class Release:
    """name: a Python identifier of version and content hash; files: content by path, without the list of files."""

    name: str
    files: dict[str, bytes]
    manifest: bytes


def read_release(checkout: Path) -> Release:
    """Return the release of a checkout."""
    files = {}
    for part, place in PARTS.items():
        for path, content in read_files(checkout / place).items():
            files[f"{part}/{path}"] = content
    manifest = "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)).encode()
    version = files["scripts/VERSION"].decode().strip().replace(".", "_")
    return Release(f"v{version}_{hashlib.sha256(manifest).hexdigest()[:HASH_CHARACTERS]}", files, manifest)


def damage(name: str, manifest: bytes, files: dict[str, bytes]) -> list[str]:
    """Return what is wrong with a copy of a release, a line for each file; nothing if it is complete.

    :param files: content by path. Files that are not of the release are ignored.
    :raises ValueError: the manifest is not the list of files of that release
    """
    if not hashlib.sha256(manifest).hexdigest().startswith(name.rpartition("_")[2]):
        raise ValueError("its hash is not that in the name of the release")
    lines = [LISTED.fullmatch(line) for line in manifest.decode("ascii", "replace").removesuffix("\n").split("\n")]
    hashes = {line[2]: line[1] for line in lines if line}
    if len(hashes) < len(lines):
        raise ValueError("it has a line that is no hash and path")
    return [
        f"{path} is missing" if path not in files else f"{path} differs"
        for path, digest in hashes.items()
        if path not in files or hashlib.sha256(files[path]).hexdigest() != digest
    ]


def read_files(directory: Path) -> dict[str, bytes]:
    """Return the files below a directory, by path, without compiled Python."""
    paths = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.parent.name != "__pycache__")
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}
