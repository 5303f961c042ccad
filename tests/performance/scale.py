"""Many Jobs at once: what waiting for them costs, and how late their ends are noticed, by the number of Jobs.

    python -m performance.scale --namespace NAME --cluster k8s [--jobs N,...] [--ways WAY,...] [--json FILE]
                                 [--svg FILE]

The Jobs run on the real control plane; KWOK plays their nodes (tests/dev/k8s/pools.py). All are waited for, then all
are told to end; the controllers of Kubernetes complete about six of them a second. Ways:

waiting     a run-job for each Job, all started at once. Noticed: the run-job has ended, with the result
short       the same, but each Job ends SHORT_SECONDS after its Pod has started, while most run-jobs still begin
deferrable  a GkeJobTrigger for each, in one process as in a triggerer, and so one watch-jobs. Noticed: the trigger has
            fired. The results are collected afterwards, of at most RESULTS Jobs

Exits with 1 where a Job is lost, made twice, noticed twice or has a wrong result. `private` and `processes` are those
of all that waits, `cpu` and `requests` those of whole runs, or from the first trigger to the last event. At most
WAITING Jobs are waited for by processes of their own: on 2 cores more of them measure the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen

from performance.charts import Panel, plot
from performance.crowds import (
    AIRFLOW,
    SCRIPTS,
    Jobs,
    Script,
    WrongError,
    admin_kubeconfig,
    end_all,
    kubectl,
    manifests,
    memory_below,
    patience,
    requests_of,
    values,
    wait_for,
)
from performance.figures import columns, delays, percentile

WAITING, RESULTS = 200, 50
SHORT_SECONDS = 3
WAYS = ("waiting", "short", "deferrable")
FIGURES = {
    "noticed_p50": ("Complete to noticed, p50", "s"),
    "noticed_p95": ("Complete to noticed, p95", "s"),
    "cpu": ("processor time a Job", "s"),
    "private": ("private memory a Job", "MiB"),
    "requests": ("requests a Job", ""),
    "processes": ("processes", ""),
}


@dataclass(frozen=True)
class Measured:
    """The figures of one way and number of Jobs; `ends`: seconds from the first Complete to the last.

    by_kind: all requests
    """

    way: str
    jobs: int
    noticed_p50: float
    noticed_p95: float
    cpu: float
    private: float | None
    requests: float
    processes: int | None
    ends: float
    by_kind: Mapping[str, int]


class Crowd:
    """So many Jobs in a namespace of their own; `directory` takes what is written."""

    def __init__(self, way: str, count: int, namespace: str, directory: Path) -> None:
        self._way, self._label, self._directory = way, namespace, directory
        self._namespace = f"{namespace}-{way}-{count}"
        self._names = [f"job-{number}" for number in range(count)]
        self._admin = admin_kubeconfig(directory)
        (directory / "tmp").mkdir()
        self._environ = {**os.environ, **AIRFLOW, "GKE_JOB_AIRFLOW_ENVIRONMENT": "scale", "TMPDIR": f"{directory}/tmp"}
        self._noticed: dict[str, float] = {}

    def measure(self) -> Measured:
        """Raises WrongError where a Job is lost, doubled, or has a wrong result."""
        labels = {"gke-job/measure": self._label}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self._namespace, "labels": labels}}
        kubectl("create", "--filename", "-", given=json.dumps(namespace))
        with Jobs(self._namespace).watched() as jobs:
            before = self._requests()
            cpu, private, processes = getattr(self, f"_{self._way}")(jobs)
            # A trigger fires before its Job is Complete.
            wait_for(lambda: len(jobs.complete) == len(self._names), "not every Job is complete", len(self._names))
            requests = self._requests() - before
            if self._way != "short":
                requests["pods//namespace/LIST"] -= 1  # of end_all
            if self._way == "deferrable":
                requests["jobs//resource/POST"] -= len(self._names)  # which made the Jobs
        made = {name: len(uids) for name, uids in jobs.made.items()}
        if made != dict.fromkeys(self._names, 1):
            raise WrongError(f"{len(self._names)} Jobs were to be made once, and that many were, that often: {made}")
        if self._way == "deferrable":
            self._check_results()
        late = delays(jobs.complete, self._noticed)
        if len(late) != len(self._names):
            raise WrongError(f"{len(late)} of {len(self._names)} Jobs were complete and noticed")
        return Measured(
            self._way,
            len(self._names),
            noticed_p50=percentile(late, 50),
            noticed_p95=percentile(late, 95),
            cpu=cpu / len(self._names),
            private=None if private is None else private / len(self._names),
            requests=sum(requests.values()) / len(self._names),
            by_kind=dict(+requests),
            processes=processes,
            ends=max(jobs.complete.values()) - min(jobs.complete.values()),
        )

    def _requests(self) -> Counter[str]:
        return requests_of(kubectl("get", "--raw", "/metrics", "--kubeconfig", str(self._admin)))

    def _short(self, jobs: Jobs) -> tuple[float, None, None]:
        cpu, _, _ = self._waiting(jobs, SHORT_SECONDS)
        return cpu, None, None

    def _waiting(self, jobs: Jobs, seconds: int = 0) -> tuple[float, float, int]:
        """Jobs end after so many seconds; 0: when all are waited for."""
        count, private, processes = len(self._names), 0.0, 0
        with ExitStack() as stack:
            runs = []
            for number, name in enumerate(self._names):
                file = self._directory / f"{name}.json"
                file.write_text(json.dumps(values(number, seconds)))
                command = ["bash", str(SCRIPTS / "run-job"), "--template", "batch-job", "--values", str(file)]
                command += ["--name", name, "--namespace", self._namespace]
                runs.append(Script(self._directory, name, command, {**self._environ, "AIRFLOW_CTX_TASK_ID": name}))
                stack.callback(runs[-1].stop)
            if not seconds:
                wait_for(lambda: len(jobs.runs) == count, "not every Job runs", count)
                for run in runs:
                    wait_for(run.has_begun, f"{run.name} prints no log", count)
                private, processes = memory_below({run.process.pid for run in runs})
                said(f"{count} run-jobs wait, {processes} processes")
                end_all(self._namespace)
            wait_for(lambda: all(run.ended for run in runs), "not every run-job has ended", count)
        cpu = 0.0
        for number, run in enumerate(runs):
            assert run.ended
            last = run.log.read_text().splitlines()[-1]
            if run.ended.code or last != str(number):
                raise WrongError(f"{run.name} ended with {run.ended.code} and printed {last!r} in the end")
            self._noticed[run.name] = run.ended.at
            cpu += run.ended.cpu
        return cpu, private, processes

    def _deferrable(self, jobs: Jobs) -> tuple[float, float, int]:
        count = len(self._names)
        kubectl("create", "--filename", "-", given=manifests(self._namespace, self._names, self._directory))
        wait_for(lambda: len(jobs.runs) == count, "not every Job runs", count)
        with self._triggers() as (host, private_before):
            assert host.stdin
            assert host.stdout
            host.stdin.writelines(f"{name} {uid}\n" for name, uids in jobs.made.items() for uid in uids)
            host.stdin.close()
            host.stdout.readline()
            private, processes = memory_below({host.pid})
            said(f"{count} triggers wait, {processes} processes")
            limit = threading.Timer(patience(count), host.kill)
            limit.start()
            end_all(self._namespace)
            reports = [json.loads(line) for line in host.stdout]
            limit.cancel()
        *events, last = reports or [{}]
        if len(events) != count or "cpu" not in last:
            raise WrongError(f"{len(reports)} reports of {count} triggers, the last one {last}")
        for event in events:
            if event["reason"] != "finished" or event["job"] in self._noticed:
                raise WrongError(f"{event['job']} was noticed so: {event}")
            self._noticed[event["job"]] = event["at"]
        return last["cpu"], private - private_before, processes

    @contextmanager
    def _triggers(self) -> Iterator[tuple[Popen[str], float]]:
        """The process of the triggers, which have yet to come, and its private MiB."""
        environ = {name: value for name, value in self._environ.items() if name not in AIRFLOW}
        environ["PYTHONPATH"] = os.pathsep.join([str(SCRIPTS.parent / "dags"), environ["PYTHONPATH"]])
        command = [sys.executable, "-m", "performance.triggers", "--namespace", self._namespace]
        with (
            (self._directory / "triggers.log").open("wb") as log,
            Popen(command, env=environ, stdin=PIPE, stdout=PIPE, stderr=log, text=True) as host,
        ):
            try:
                assert host.stdout
                host.stdout.readline()  # it is there
                yield host, memory_below({host.pid})[0]
            finally:
                host.terminate()

    def _check_results(self) -> None:
        for number in range(0, len(self._names), max(1, len(self._names) // RESULTS)):
            command = ["bash", str(SCRIPTS / "collect-job"), "--namespace", self._namespace]
            command += ["--job", self._names[number]]
            found = subprocess.run(command, env=self._environ, check=True, stdout=PIPE, text=True).stdout
            if found != f"{number}\n":
                raise WrongError(f"the result of {self._names[number]} is {found!r}")


def figures(measured: list[Measured], way: str, name: str) -> dict[int, float]:
    """One figure of a way by the number of Jobs, where it was measured."""
    values = {each.jobs: getattr(each, name) for each in measured if each.way == way}
    return {jobs: value for jobs, value in values.items() if value is not None}


def report(measured: list[Measured]) -> str:
    """A table: a row for each figure and way, a column for each number of Jobs."""
    numbers = sorted({each.jobs for each in measured})
    rows = [
        (f"{way}: {what}", unit, {str(jobs): value for jobs, value in found.items()})
        for way in dict.fromkeys(each.way for each in measured)
        for name, (what, unit) in {**FIGURES, "ends": ("first Complete to last", "s")}.items()
        if (found := figures(measured, way, name))
    ]
    return columns(rows, [str(number) for number in numbers])


def picture(measured: list[Measured]) -> str:
    """A plot of each figure over the number of Jobs."""
    ways = list(dict.fromkeys(each.way for each in measured))
    panels = []
    for name, (what, unit) in FIGURES.items():
        lines = {way: list(figures(measured, way, name).items()) for way in ways}
        panels.append(Panel(f"{what}{unit and f', {unit}'}", lines))
    return plot([panel for panel in panels if any(panel.lines.values())], "Jobs at once")


def said(message: str) -> None:
    print(f"scale: {message}", file=sys.stderr, flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is ended and removed
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--cluster", required=True, choices=["k8s"], help="the one whose nodes KWOK can play")
    parser.add_argument("--jobs", default="1,10,50,200,1000")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    numbers, ways = [int(number) for number in options.jobs.split(",")], options.ways.split(",")
    if unknown := set(ways) - set(WAYS):
        parser.error(f"no way {', '.join(sorted(unknown))}: they are {', '.join(WAYS)}")
    measured: list[Measured] = []
    for way, number in (
        (way, number) for way in ways for number in numbers if way == "deferrable" or number <= WAITING
    ):
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            try:
                measured.append(Crowd(way, number, options.namespace, Path(name)).measure())
            except WrongError as error:
                sys.exit(f"scale: {way}, {number} Jobs: {error}")
        said(f"{measured[-1]}")
    print(report(measured))
    if options.json:
        about = {"cpus": os.cpu_count(), "load": os.getloadavg()}
        options.json.write_text(json.dumps({**about, "measured": [asdict(each) for each in measured]}, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(picture(measured))


if __name__ == "__main__":
    main()
