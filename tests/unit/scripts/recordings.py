"""What explain-job has read of real clusters: tests/unit/scripts/diagnosis/CASE.json; and the texts for it, CASE.txt.

Usage: recordings.py read CONNECTION VERSION NAMESPACE NAME UID -- PROXY   # for `record`: what there is, one document
       recordings.py texts   # writes every CASE.txt anew: read the diff before you commit it
"""

import json
import sys
from datetime import datetime, timezone
from pathlib import Path

RECORDINGS = Path(__file__).resolve().parent / "diagnosis"
CASES = sorted(file.stem for file in RECORDINGS.glob("*.json"))
sys.path.append(str(RECORDINGS.parents[3] / "scripts/lib"))  # for those who start this file by itself

from gke_jobs.diagnosis.diagnosis import diagnose  # noqa: E402 # found on the path set above
from gke_jobs.diagnosis.reading import read  # noqa: E402 # likewise
from gke_jobs.diagnosis.seen import Seen  # noqa: E402 # likewise
from gke_jobs.options import take_connection  # noqa: E402 # likewise

# Fields that only take room.
NOISE = {
    *("managedFields", "resourceVersion", "generation", "observedGeneration", "ownerReferences", "lastProbeTime"),
    *("imageID", "containerID", "hostIP", "hostIPs", "podIP", "podIPs", "tolerations", "volumes", "volumeMounts"),
}


def load(case):
    """Return what was seen of the Job of that case."""
    recorded = json.loads((RECORDINGS / f"{case}.json").read_text())
    return Seen(
        name="train",
        uid=recorded["job"]["metadata"]["uid"],
        job=recorded["job"],
        pods=recorded["pods"],
        events=recorded["events"],
        logs={
            tuple(file.removesuffix(".log").rsplit(".", 1)): log.encode(errors="surrogateescape")
            for file, log in recorded["logs"].items()
        },
        now=datetime.fromisoformat(recorded["now"]),
    )


def pack(seen, version):
    """Return the content of a CASE.json."""
    packed = {
        "kubernetes": version["serverVersion"]["gitVersion"],
        "now": seen.now.isoformat(timespec="seconds"),
        "job": slim(seen.job),
        "pods": slim(seen.pods),
        "events": slim(seen.events),
        # Bytes that are no UTF-8 become lone surrogates, which JSON can carry.
        "logs": {
            f"{pod}.{container}.log": log.decode(errors="surrogateescape")
            for (pod, container), log in seen.logs.items()
        },
    }
    return json.dumps(packed, indent=1)


def slim(value):
    if isinstance(value, dict):
        return {key: slim(item) for key, item in value.items() if key not in NOISE}
    return [slim(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    if sys.argv[1] == "read":
        connection, (version, *job) = take_connection(sys.argv[2:])
        print(pack(read(connection, *job, datetime.now(timezone.utc)), json.loads(version)))
    else:
        for case in CASES:
            (RECORDINGS / f"{case}.txt").write_text(diagnose(load(case)))
