"""Measures what many Jobs cost that all wait for worker slots, by the way their tasks wait.

`python slots.py [--jobs N] [--seconds N] [--slots N] [--ways WAY,...] [--json FILE]`. Each way has the same Airflow,
one after the other, with a triggerer that was started for it:

- `jobs` Jobs that do nothing for so many seconds, up to five less or four more: how long they all take, and how late
  their ends are noticed.
- Jobs that do not end, `jobs` in the end: what waiting for them costs the triggerer (`waiting`: the worker, and as many
  as there are slots), and the API server in so many seconds.

What is late is counted from the moment at which a watch beside it all sees the Job complete.
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

from e2e.processes import connections, descendants, read, wait_for
from e2e.runs import Airflow, running_airflow
from e2e.tokens import google_connection
from faults.__main__ import count
from performance.bench import Observer, delete_jobs
from performance.figures import columns, delays, increments, memory_of_all, most_at_once, percentile

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
PATIENCE, PATIENCE_A_JOB = 120, 20  # seconds until tasks that do not wait count as never waiting


@dataclass
class Finishing:
    """What it took until all Jobs of a way were done: seconds from a Job's end to each of the steps that follow it.

    `fired`: the trigger has fired its event; `resumed`: the task is no longer deferred; `success`: it has ended.
    """

    wall: float
    most_at_once: int
    fired: list[float]
    resumed: list[float]
    success: list[float]


@dataclass
class Cost:
    """Of so many waiting Jobs: the largest values of what serves them, and the requests of all a minute."""

    jobs: int
    processes: int
    private: int
    connections: int
    requests: float


class Measurement:
    """One way, in an Airflow that runs."""

    def __init__(self, airflow: Airflow, way: str, *, jobs: int, seconds: int) -> None:
        self._airflow, self._way, self._jobs, self._seconds = airflow, way, jobs, seconds
        kubeconfig = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
        self._began: list[str] = []  # DAGs whose Jobs do not end
        self._port = urlsplit(kubeconfig["clusters"][0]["cluster"]["server"]).port or 443

    def finishing(self) -> Finishing:
        """Run the Jobs that end."""
        with self._observer() as observer:
            self._airflow.trigger(self._way)
            began = said = time.monotonic()
            while (run := dag_run(self._way)).state in ("queued", "running"):
                if time.monotonic() >= said + PROGRESS_SECONDS:
                    said = time.monotonic()
                    self._say(f"{said - began:.0f} s, {len(observer.complete)} Jobs are complete")
                time.sleep(1)
            wait_for(lambda: len(observer.complete) == self._jobs, lambda: "the watch has seen every Job complete")
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
        """When the last event of each task was fired, as the triggerer's log has it."""
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
        """Begin to wait for more and more Jobs that do not end, and look at each step; the first is none."""
        costs, total = [self._cost(0)], 0
        with self._observer() as observer:
            for more in steps:
                total += more
                self._began.append(f"{self._way}-{total}-{more}")
                self._airflow.trigger(self._began[-1])
                deadline = time.monotonic() + PATIENCE + PATIENCE_A_JOB * more
                while not self._wait(total, observer):
                    assert time.monotonic() < deadline, f"{self._way}: {total} tasks do not wait"
                    time.sleep(1)
                time.sleep(SETTLING_SECONDS)
                costs.append(self._cost(total))
                self._say(f"{costs[-1]}")
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
        of_all = [self._look() for _ in range(2)]
        requests, began = count(self._airflow.cluster)["any"], time.monotonic()
        while time.monotonic() < began + self._seconds:
            time.sleep(SAMPLE_SECONDS)
            of_all.append(self._look())
        minutes = (time.monotonic() - began) / 60
        processes, private, to_cluster = (max(values) for values in zip(*of_all, strict=True))
        return Cost(jobs, processes, private, to_cluster, (count(self._airflow.cluster)["any"] - requests) / minutes)

    def _look(self) -> tuple[int, int, int]:
        part = self._airflow.worker if self._way == "waiting" else self._airflow.triggerer
        pids = [part.pid, *descendants(part.pid)]
        private = memory_of_all(read(pid, "smaps_rollup").decode() for pid in pids)["Private"]
        return len(pids), private, connections(pids, self._port)

    def _observer(self) -> Observer:
        delete_jobs(os.environ["NAMESPACE"])
        return Observer(os.environ["NAMESPACE"])

    def _say(self, text: str) -> None:
        print(f"{self._way}: {text}", flush=True)


def dag_run(dag_id: str) -> Any:
    """The run of the DAG."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        run = session.query(DagRun).filter_by(dag_id=dag_id, run_id="run").one()
        session.expunge(run)
        return run


def task_instances(dag_id: str) -> list[Any]:
    """The task instances of its run."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id="run").all()
        session.expunge_all()
        return list(found)


def report(measured: dict[str, tuple[Finishing, list[Cost]]]) -> str:
    """The figures of all ways as a table."""
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # nothing that was started stays
    counts = {way: {1, options.slots} if way == "waiting" else {1, 10, options.jobs} for way in ways}
    steps = {way: increments(each, options.jobs) for way, each in counts.items()}
    os.environ |= {
        "SLOTS_JOBS": str(options.jobs),
        "SLOTS_SECONDS": str(options.seconds),
        "SLOTS_STEPS": ",".join(
            {step for each in steps.values() for step in map("{}-{}".format, accumulate(each), each)}
        ),
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": "kubernetes://",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",  # Google's provider on a machine that is busy
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
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
        running_airflow("many_jobs.py", *files, slots=options.slots, counted=True) as airflow,
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
    """Kill the triggerer and start it again; returns when it runs triggers."""
    airflow.triggerer.kill()
    airflow.triggerer.start()
    wait_for(lambda: descendants(airflow.triggerer.pid), airflow.triggerer.said)
    time.sleep(SETTLING_SECONDS)


if __name__ == "__main__":
    main()
