"""Races GkeJobOperator against the operators of Airflow's providers and a script, in one Airflow, on one cluster.

    python -m performance.bench --namespace NAME [--short] [--only PART,...] [--rounds N] [--jobs N] [--json FILE]

outages    the API server is away for 30 s, 120 s and 10 min while a Job of each way runs
waiting    what a wait costs: requests, processor time, private memory
fails      a Job that fails, and one that somebody deletes
single     one Job after the other, --rounds of each way: submit latency, log lines, finish latency, requests by verb,
           processor time; and the submit latency without any cache
many       --jobs deferred tasks of each way, and 20 more whose Jobs end one after the other

Airflow is a whole one, as Composer's: Celery, Redis, PostgreSQL. Everything is measured beside it, with watches of its
own. Prints tables; --json gets all single values. --short is for continuous integration: fewer ways and rounds, no
outage. It ends with 1 when a ratio is worse than its floor.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from e2e.clusters import proxy
from e2e.runs import airflow_at
from e2e.tokens import google_connection
from performance.figures import merged
from performance.goals import below_floor
from performance.race import Race
from performance.report import text
from performance.ways import EMPTY, WAYS

HERE = Path(__file__).parent
DAGS = ("race.py", "race_ours.py", "race_kubernetes.py", "race_script.py")
OF_GOOGLE = (HERE / "dags" / "race_gke.py", HERE.parent / "e2e" / "at_stand_in.py")
PARTS = ("outages", "waiting", "fails", "single", "many")
OUTAGES = "30,120,600"
SHORT_WAYS = ("ours", "ours-deferrable", "kubernetes-job", "kubernetes-job-deferrable")
SLOTS = len(WAYS) + 3
WAIT_SECONDS = 70  # in which each watch of the toolkit is renewed once, and the others poll seven times
PACKAGES = ("apache-airflow", "apache-airflow-providers-cncf-kubernetes", "apache-airflow-providers-google")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True, help="what the namespaces that are made begin with")
    parser.add_argument("--cluster", required=True, help="its name, for the report")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="", help="parts, with commas between; --json keeps what it has of the others")
    parser.add_argument("--ways", default="", help="of " + ", ".join(WAYS))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--outages", default=OUTAGES, help=f"their seconds, with commas between; default {OUTAGES}")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    options.parts = options.only.split(",") if options.only else ["waiting", "single"] if options.short else [*PARTS]
    options.ways = options.ways.split(",") if options.ways else SHORT_WAYS if options.short else [*WAYS]
    options.outages = [int(seconds) for seconds in options.outages.split(",")]
    options.rounds = options.rounds or (2 if options.short else 8)
    options.jobs = options.jobs or 100
    for given, known in ((options.parts, PARTS), (options.ways, WAYS)):
        if unknown := set(given) - set(known):
            parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(known)}")
    return options


def about(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on."""
    tools = {
        "kubectl": json.loads(_output("kubectl", "version", "--client", "--output", "json"))["clientVersion"][
            "gitVersion"
        ],
        "gcloud": json.loads(_output("gcloud", "version", "--format", "json"))["Google Cloud SDK"],
    }
    return {
        "cluster": options.cluster,
        "rounds": options.rounds,
        "jobs": options.jobs,
        "versions": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()} | tools,
        "cpus": os.cpu_count(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "parts": {},
    }


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(race: Race, options: argparse.Namespace, parts: dict[str, Any]) -> None:
    """The parts, those first that a busy machine changes least. `parts` gets when each began, and the load then."""
    for part in options.parts:
        now, load, began = datetime.now(timezone.utc), os.getloadavg()[0], time.monotonic()
        parts[part] = {"date": f"{now:%Y-%m-%d %H:%M} UTC", "load": round(load, 2)}
        print(f"bench: {part} begins, load average {load:.2f}", file=sys.stderr, flush=True)
        match part:
            case "outages":
                for seconds in options.outages:
                    race.outage(seconds)
            case "waiting":
                race.waiting(WAIT_SECONDS if options.short else 6 * WAIT_SECONDS)
            case "fails":
                race.fails(2)
                race.deleted()
            case "single":
                race.single(options.rounds)
                if not options.short:
                    race.cold(3)
            case "many":
                for way in (WAYS[name] for name in options.ways if WAYS[name].deferrable):
                    race.many(way, jobs=options.jobs, ending=20, seconds=WAIT_SECONDS)
                    print(f"bench: {way.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        print(f"bench: {part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # nothing that was started stays
    options = parse()
    upstream = Path(os.environ["CLUSTER_STATE"])
    measured: dict[str, Any] = {"about": about(options)}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        proxy(Path(name), upstream) as cluster,
        google_connection(),
    ):
        directory = Path(name)
        direct = str(upstream / "kubeconfig")
        for way in (*options.ways, EMPTY):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{options.namespace}-{way}"}}
            command = ["kubectl", "--kubeconfig", direct, "create", "--filename", "-"]
            subprocess.run(command, input=json.dumps(namespace), check=True, text=True, stdout=subprocess.DEVNULL)
        (directory / "home").mkdir()
        os.environ |= {
            "HOME": str(directory / "home"),
            "BENCH_RECORDS": str(directory / "records"),
            "BENCH_NAMESPACE": options.namespace,
            "AIRFLOW_CONN_KUBERNETES_DEFAULT": "kubernetes://",
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",  # Google's provider on a machine that is busy
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        }
        files = [HERE / "dags" / file for file in DAGS]
        files += OF_GOOGLE if any(name.startswith("gke") for name in options.ways) else []
        with airflow_at(cluster, *files, slots=SLOTS) as airflow:
            race = Race(
                airflow,
                [WAYS[name] for name in options.ways],
                namespace=options.namespace,
                direct=direct,
                records=directory / "records",
            )
            try:
                with race.watching():
                    run(race, options, measured["about"]["parts"])
            finally:
                measured |= {"values": race.values, "requests": race.requests, "outcomes": race.outcomes}
                if options.only and options.json.exists():
                    measured = merged(json.loads(options.json.read_text()), measured)
                options.json.write_text(json.dumps(measured, indent=1) + "\n")
    print(text(measured))
    if missed := below_floor(measured):
        sys.exit("\n".join(("bench: worse than the floor:", *missed)))


if __name__ == "__main__":
    main()
