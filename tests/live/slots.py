"""Measures how long many Jobs take that all wait for worker slots: waiting in the worker, and deferred.

`python slots.py [--jobs N] [--seconds N] [--slots N]`; each Job does nothing for so many seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time

from live.runs import running_airflow

PROGRESS_SECONDS = 30


def running_jobs() -> int:
    """How many Jobs have a Pod that runs."""
    done = subprocess.run(["kubectl", "get", "jobs", "--output", "json"], stdout=subprocess.PIPE, check=True)
    return sum(bool(job["status"].get("ready")) for job in json.loads(done.stdout)["items"])


def run_state(dag_id: str) -> str:
    """The state of the DAG run."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        return str(session.query(DagRun).filter_by(dag_id=dag_id, run_id="run").one().state)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--slots", type=int, default=4)
    options = parser.parse_args()
    os.environ |= {"SLOTS_JOBS": str(options.jobs), "SLOTS_SECONDS": str(options.seconds)}
    with running_airflow("many.py", slots=options.slots) as airflow:
        for dag_id in ("deferred", "waiting"):
            airflow.trigger(dag_id)
            began, said, most = time.monotonic(), 0.0, 0
            while (state := run_state(dag_id)) in ("queued", "running"):
                running, passed = running_jobs(), time.monotonic() - began
                most = max(most, running)
                if passed >= said + PROGRESS_SECONDS:
                    said = passed
                    print(f"{dag_id}: {passed:.0f} s, {running} Jobs run", flush=True)
                time.sleep(1)
            took = time.monotonic() - began
            print(f"{dag_id}: {state}, {options.jobs} Jobs of {options.seconds} s on {options.slots} slots", end="")
            print(f" in {took:.0f} s; at most {most} Jobs ran at once", flush=True)


if __name__ == "__main__":
    main()
