"""Packs what explain-job has read of a cluster into one JSON document: pack.py DIRECTORY KUBECTL-VERSION."""

import json
import sys
from datetime import datetime, timezone
from pathlib import Path

NOISE = {"managedFields", "resourceVersion", "generation", "selfLink", "imageID", "containerID", "podIPs", "hostIPs"}


def slim(value):
    """Leave out what only takes room."""
    if isinstance(value, dict):
        return {key: slim(item) for key, item in value.items() if key not in NOISE}
    return [slim(item) for item in value] if isinstance(value, list) else value


def main():
    directory, version = Path(sys.argv[1]), json.loads(sys.argv[2])
    kinds = {kind: json.loads((directory / f"{kind}.json").read_bytes()) for kind in ("job", "pods", "events")}
    packed = {
        "kubernetes": version["serverVersion"]["gitVersion"],
        "now": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "job": slim(kinds["job"]),
        "pods": slim(kinds["pods"]["items"]),
        "events": slim(kinds["events"]["items"]),
        # Bytes that are no UTF-8 become lone surrogates, which JSON can carry and the tests turn back.
        "logs": {file.name: file.read_bytes().decode(errors="surrogateescape") for file in directory.glob("*.*.log")},
    }
    print(json.dumps(packed, indent=1))


main()
