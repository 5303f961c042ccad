"""Measures the cost of many concurrent Jobs with few worker slots, for each way in which tasks wait.

`python slots.py [--jobs N] [--seconds N] [--slots N] [--ways WAY,...] [--json FILE]`. The ways are measured one after
the other on the same Airflow, each with a new triggerer:

- `jobs` Jobs that sleep for `seconds` seconds, up to five less or four more: the total time, and the delay from the end
  of a Job to its detection.
- Jobs that do not end, up to `jobs` of them: the processes, memory and connections of the triggerer (for `waiting`: of
  the worker, with one Job for each slot), and the requests to the API server during `seconds` seconds.

Delays begin when a separate watch sees the Job complete.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from e2e.processes import connections, descendants, read
from e2e.runs import Airflow, running_airflow
from e2e.tokens import google_connection
from faults.__main__ import count
from performance.figures import columns, delays, increments, memory_of_all, most_at_once, percentile
from performance.observer import Observer, delete_jobs
from polling import wait_until

FILES = {
    "waiting": "many.py",
    "deferred": "many.py",
    "kubernetes": "many_kubernetes.py",
    "gke": "many_gke.py",
}
WAYS = ("deferred", "kubernetes", "gke", "waiting")
PACKAGES = ("apache-airflow", "apache-airflow-providers-cncf-kubernetes", "apache-airflow-providers-google")
PROGRESS_SECONDS = 30
SAMPLE_SECONDS = 1
SETTLING_SECONDS = 5
SECONDS, SECONDS_PER_JOB = 120, 20  # limit for tasks to begin to wait


@dataclass
class Finishing:
    """The time until all Jobs of a way were finished, in seconds, and the delays from the end of a Job.

    `fired`: until the trigger fires its event; `resumed`: until the task is no longer deferred; `success`: until the
    task succeeds.
    """

    wall: float
    most_at_once: int
    fired: list[float]
    resumed: list[float]
    success: list[float]


@dataclass
class Cost:
    """The cost of `jobs` waiting Jobs: the largest values of the serving processes, and all requests per minute.

    `private`: memory in bytes; `connections`: to the API server.
    """

    jobs: int
    processes: int
    private: int
    connections: int
    requests: float


class Measurement:
    """Measures one way with a running Airflow."""

    def __init__(self, airflow: Airflow, way: str, *, jobs: int, seconds: int) -> None:
        self._airflow, self._way, self._jobs, self._seconds = airflow, way, jobs, seconds
        kubeconfig = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
        self._began: list[str] = []  # DAGs whose Jobs do not end
        self._port = urlsplit(kubeconfig["clusters"][0]["cluster"]["server"]).port or 443

    def finishing(self) -> Finishing:
        """Run the Jobs that end, and measure them."""
        with self._observer() as observer:
            self._airflow.trigger(self._way)
            began = reported = time.monotonic()
            while (run := dag_run(self._way)).state in ("queued", "running"):
                if time.monotonic() >= reported + PROGRESS_SECONDS:
                    reported = time.monotonic()
                    self._report(f"{reported - began:.0f} s, {len(observer.complete)} Jobs are complete")
                time.sleep(1)
            wait_until(lambda: len(observer.complete) == self._jobs, lambda: "the watch has seen every Job complete")
        assert run.state == "success", f"the run of {self._way} is {run.state}"
        epoch = time.time() - time.monotonic()
        complete = {name: moment + epoch for name, moment in observer.complete.items()}
        tasks = task_instances(self._way)
        resumed = {task.task_id: task.scheduled_dttm.timestamp() for task in tasks}
        return Finishing(
            wall=(max(task.end_date for task in tasks) - run.start_date).total_seconds(),
            most_at_once=most_at_once((observer.running[name], observer.complete[name]) for name in observer.running),
            fired=delays(complete, self._fired([task.task_id for task in tasks])),
            resumed=delays(complete, {} if self._way == "waiting" else resumed),
            success=delays(complete, {task.task_id: task.end_date.timestamp() for task in tasks}),
        )

    def _fired(self, task_ids: list[str]) -> dict[str, float]:
        """Return the time of the last event of each task, from the triggerer's log, in seconds since the epoch."""
        fired = {}
        for task_id in task_ids:
            directory = self._airflow.home / f"logs/dag_id={self._way}/run_id=run/task_id={task_id}"
            for file in directory.glob("*.trigger.*.log"):
                entries = map(json.loads, file.read_text().splitlines())
                times = [entry["timestamp"] for entry in entries if entry["event"] == "Trigger fired event"]
                for each in times:
                    fired[task_id] = datetime.fromisoformat(each.replace("Z", "+00:00")).timestamp()
        return fired

    def costs(self, steps: list[int]) -> list[Cost]:
        """Start more and more Jobs that do not end; return the cost after each step, the first without any Job."""
        costs, total = [self._cost(0)], 0
        with self._observer() as observer:
            for more in steps:
                total += more
                self._began.append(f"{self._way}-{total}-{more}")
                self._airflow.trigger(self._began[-1])
                wait_until(
                    lambda total=total: self._wait(total, observer),
                    lambda total=total: f"{self._way}: {total} tasks wait",
                    seconds=SECONDS + SECONDS_PER_JOB * more,
                )
                time.sleep(SETTLING_SECONDS)
                costs.append(self._cost(total))
                self._report(f"{costs[-1]}")
        for dag_id in self._began:
            self._airflow.api("PATCH", f"/dags/{dag_id}/dagRuns/run", state="failed")
        return costs

    def _wait(self, total: int, observer: Observer) -> bool:
        if self._way == "waiting":
            return len(observer.running) == total
        triggers = list(self._airflow.home.glob(f"logs/dag_id={self._way}-*/run_id=run/task_id=*/*.trigger.*.log"))
        tasks = [task for dag_id in self._began for task in task_instances(dag_id)]
        are_deferred = sum(task.state == "deferred" for task in tasks)
        return len(observer.running) == len(triggers) == are_deferred == total

    def _cost(self, jobs: int) -> Cost:
        of_all = [self._sample() for _ in range(2)]
        requests, began = count(self._airflow.cluster)["any"], time.monotonic()
        while time.monotonic() < began + self._seconds:
            time.sleep(SAMPLE_SECONDS)
            of_all.append(self._sample())
        minutes = (time.monotonic() - began) / 60
        processes, private, to_cluster = (max(values) for values in zip(*of_all, strict=True))
        return Cost(jobs, processes, private, to_cluster, (count(self._airflow.cluster)["any"] - requests) / minutes)

    def _sample(self) -> tuple[int, int, int]:
        part = self._airflow.worker if self._way == "waiting" else self._airflow.triggerer
        pids = [part.pid, *descendants(part.pid)]
        private = memory_of_all(read(pid, "smaps_rollup").decode() for pid in pids)["Private"]
        return len(pids), private, connections(pids, self._port)

    def _observer(self) -> Observer:
        delete_jobs(os.environ["NAMESPACE"])
        return Observer(os.environ["NAMESPACE"])

    def _report(self, text: str) -> None:
        print(f"{self._way}: {text}", flush=True)


def dag_run(dag_id: str) -> Any:
    """Return the run of a DAG."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        run = session.query(DagRun).filter_by(dag_id=dag_id, run_id="run").one()
        session.expunge(run)
        return run


def task_instances(dag_id: str) -> list[Any]:
    """Return the task instances of the run of a DAG."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id="run").all()
        session.expunge_all()
        return list(found)


def report(measured: dict[str, tuple[Finishing, list[Cost]]]) -> str:
    """Return the figures of all ways as a table."""
    rows: list[tuple[str, str, dict[str, float]]] = []
    finishing = {way: figures for way, (figures, _) in measured.items()}
    rows.append(("wall time", "s", {way: round(figures.wall, 1) for way, figures in finishing.items()}))
    rows.append(("most Jobs at once", "", {way: figures.most_at_once for way, figures in finishing.items()}))
    for step, text in (("fired", "event fired"), ("resumed", "no longer deferred"), ("success", "success")):
        values = {way: getattr(figures, step) for way, figures in finishing.items() if getattr(figures, step)}
        for percent in (50, 95):
            figures_of = {way: percentile(each, percent) for way, each in values.items()}
            rows.append((f"complete to {text}, p{percent}", "s", figures_of))
    for jobs in sorted({cost.jobs for _, costs in measured.values() for cost in costs}):
        of_all = {way: cost for way, (_, costs) in measured.items() for cost in costs if cost.jobs == jobs}
        rows += [
            (f"{jobs} waiting: processes", "", {way: cost.processes for way, cost in of_all.items()}),
            ("   private memory", "MiB", {way: round(cost.private / 2**20, 1) for way, cost in of_all.items()}),
            ("   connections to the API server", "", {way: cost.connections for way, cost in of_all.items()}),
            (
                "   requests a Job" if jobs else "   requests",
                "1/min",
                {way: round(cost.requests / max(jobs, 1), 2) for way, cost in of_all.items()},
            ),
        ]
    return columns(rows, tuple(measured))


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--ways", default=",".join(WAYS), help="of " + ", ".join(WAYS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    ways = options.ways.split(",")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the contexts stop their servers
    counts = {way: {1, options.slots} if way == "waiting" else {1, 10, options.jobs} for way in ways}
    steps = {way: increments(each, options.jobs) for way, each in counts.items()}
    os.environ |= {
        "SLOTS_JOBS": str(options.jobs),
        "SLOTS_SECONDS": str(options.seconds),
        "SLOTS_STEPS": ",".join(
            {step for each in steps.values() for step in map("{}-{}".format, accumulate(each), each)}
        ),
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": "kubernetes://",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",  # Google's provider takes long to import on a busy machine
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        "AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE": "False",  # many.py does not mention Airflow
    }
    about = {
        "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "options": f"{options.jobs} Jobs of {options.seconds} s on {options.slots} slots",
        "versions": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "cpus": os.cpu_count(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "load before": os.getloadavg()[0],
    }
    measured = {}
    files = {FILES[way] for way in ways}
    with (
        google_connection(),
        running_airflow("many_jobs.py", "at_stand_in.py", *files, slots=options.slots, counted=True) as airflow,
    ):
        for way in ways:
            measurement = Measurement(airflow, way, jobs=options.jobs, seconds=options.seconds)
            renew_triggerer(airflow)
            finishing = measurement.finishing()
            renew_triggerer(airflow)
            measured[way] = finishing, measurement.costs(steps[way])
            print(report(measured), flush=True)
    print(json.dumps(about, indent=2))
    if options.json:
        figures = {
            way: {"finishing": asdict(finishing), "costs": [asdict(cost) for cost in costs]}
            for way, (finishing, costs) in measured.items()
        }
        options.json.write_text(json.dumps({"about": about, "ways": figures}, indent=2))


def renew_triggerer(airflow: Airflow) -> None:
    """Kill the triggerer and start it again; return when it can run triggers."""
    airflow.triggerer.kill()
    airflow.triggerer.start()
    wait_until(lambda: descendants(airflow.triggerer.pid), airflow.triggerer.log)
    time.sleep(SETTLING_SECONDS)


if __name__ == "__main__":
    main()
