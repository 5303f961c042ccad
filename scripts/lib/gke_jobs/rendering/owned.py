"""Takes a rendered manifest apart: the Job, and what it owns, each for a kubectl create of its own.

Usage: render-job ... | owned.py DIRECTORY [UID]

Writes DIRECTORY/job.json and a file for each other document, there with the Job of that UID as owner, if one is given:
then Kubernetes removes it with the Job. It does not block the Job's deletion, which would take one more right.
stdout: JOB-NAME IDENTITY MANIFEST-HASH PROFILE NAMESPACE, PROFILE being - where there is none, and the last one empty
where the manifest names none; then a line for each other document: KIND/NAME FILE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

Json = Any  # what json.loads makes


def take_apart(documents: list[dict[str, Json]], directory: Path, uid: str) -> list[str]:
    """Write `documents`, the Job first, to files in `directory`; return the lines to print."""
    job, *others = documents
    metadata = job["metadata"]
    identity, digest = metadata["labels"]["gke-job/identity"], metadata["annotations"]["gke-job/manifest-hash"]
    profile = metadata["annotations"].get("gke-job/profile", "-")
    lines = [f"{metadata['name']} {identity} {digest} {profile} {metadata.get('namespace', '')}"]
    (directory / "job.json").write_text(json.dumps(job))
    owner = {"apiVersion": job["apiVersion"], "kind": job["kind"], "name": metadata["name"], "uid": uid}
    for number, document in enumerate(others):
        if uid:
            document["metadata"]["ownerReferences"] = [owner]
        file = directory / f"owned-{number}.json"
        file.write_text(json.dumps(document))
        lines.append(f"{document['kind']}/{document['metadata']['name']} {file}")
    return lines


def main() -> None:
    """Read the manifest on stdin."""
    manifest = list(yaml.safe_load_all(sys.stdin.buffer))
    print("\n".join(take_apart(manifest, Path(sys.argv[1]), "".join(sys.argv[2:]))))
