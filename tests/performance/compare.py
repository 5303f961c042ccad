"""Compares what a run costs in this checkout and in another one, on one cluster, in one run, in turn.

    python -m performance.compare --namespace NAME --other DIR [--json FILE] [--only PART,...]

run        processor time of a whole run-job of a trivial Job, its process tree and what that leaves behind; --runs each
finish     from the moment at which a watch beside it sees the Job complete until follow-job has ended; --jobs each
memory     of a run-job that waits for one Pod, and for ten, 5 seconds after all have printed a line;
           --memory-rounds each. Text pages of a program with one process count as private, but not as Private_Dirty.
idle       requests to the API server while follow-job waits for --idle-seconds for a Pod that prints nothing
at-once    --at-once run-jobs at the same time: processor time of each, and from complete to ended; 0 leaves it out
lines      of Bash and Python in scripts/

Prints a table on stdout, what happens on stderr. --json gets the rows and the single values. Every wait has a limit.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from subprocess import DEVNULL
from typing import Any

from faults.__main__ import count
from faults.rules import KINDS
from performance.figures import (
    MEMORY,
    READY,
    Row,
    count_lines,
    in_turn,
    memory_of_all,
    percentiles,
    ready_pods,
    spread,
    table,
)
from performance.observer import Observer, until
from performance.runs import LIMIT_SECONDS, Result, Run, look_at, until_or_ended

ROOT = Path(__file__).parents[2]
PARTS = ("run", "finish", "memory", "idle", "at-once", "lines")
NAMES = ("other", "this")
IMAGE = "busybox:1.37"
RESOURCES = {"requests": {"cpu": "10m", "memory": "16Mi"}}  # many fit on one node
CALM_SECONDS = 5
SAMPLES = 5


class Comparison:
    """Both checkouts on the cluster that KUBECONFIG leads to. `raw` holds the single values, by part and checkout."""

    def __init__(self, checkouts: Mapping[str, Path], directory: Path, options: argparse.Namespace) -> None:
        self.raw: dict[str, Any] = {}
        self._checkouts, self._directory, self._options = checkouts, directory, options
        self._kubectl = ["kubectl", "--namespace", options.namespace]
        self._environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW_CTX_", "GKE_JOB_MAP_INDEX", "GKE_JOB_AIRFLOW_ENVIRONMENT", "PYTHONPATH"))
        }

    def run(self) -> list[Row]:
        self._run_job("other", "warm-other", "true").result()
        self._run_job("this", "warm-this", "true").result()
        results: dict[str, list[Result]] = {name: [] for name in NAMES}
        for number, name in in_turn(NAMES, self._options.runs):
            results[name].append(self._run_job(name, f"run-{name}-{number}", "true").result())
            progress(f"run {number + 1} of {name}: {results[name][-1].cpu:.2f} s of processor time")
        self.raw["run"] = {name: [asdict(each) for each in results[name]] for name in NAMES}
        return [
            *spread("processor time of a run-job", "s", _each(results, lambda result: result.cpu)),
            *spread("run-job from start to end", "s", _each(results, lambda result: result.ended - result.began)),
        ]

    def finish(self) -> list[Row]:
        seconds: dict[str, list[float]] = {name: [] for name in NAMES}
        with Observer(self._options.namespace) as observer:
            for number, name in in_turn(NAMES, self._options.jobs):
                job = f"finish-{name}-{number}"
                self._create_job(job, f"sleep {self._options.job_seconds}")
                ended = self._follow(name, job).result().ended
                until(_seen(observer.complete, job), f"the watch has not seen Job {job} complete")
                seconds[name].append(ended - observer.complete[job])
                progress(f"finish {number + 1} of {name}: {seconds[name][-1]:.3f} s")
        self.raw["finish"] = seconds
        return percentiles("complete to end of follow-job", "s", seconds)

    def memory(self) -> list[Row]:
        rows, self.raw["memory"] = [], {}
        for pods in (1, 10):
            found: dict[str, list[dict[str, int]]] = {name: [] for name in NAMES}
            processes: dict[str, list[Counter[str]]] = {name: [] for name in NAMES}
            for number, name in in_turn(NAMES, self._options.memory_rounds):
                for memory, names in self._memory_of(name, pods, number):
                    found[name].append(memory)
                    processes[name].append(names)
                progress(f"memory of {name} with {pods} Pods: {found[name][-1]}, {dict(processes[name][-1])}")
            self.raw["memory"][str(pods)] = {"bytes": found, "processes": processes}
            for kind in MEMORY:
                mebibytes = {name: median(each[kind] for each in found[name]) / 2**20 for name in NAMES}
                what = f"{kind} of a waiting run-job, Pods: {pods}"
                rows.append(Row(what, "MiB", mebibytes["this"], mebibytes["other"]))
            for program in sorted({program for names in processes.values() for each in names for program in each}):
                numbers = {name: median(each[program] for each in processes[name]) for name in NAMES}
                rows.append(Row(f"processes {program}, Pods: {pods}", "", numbers["this"], numbers["other"]))
        return rows

    def _memory_of(self, name: str, pods: int, number: int) -> Iterator[tuple[dict[str, int], Counter[str]]]:
        run = self._run_job(
            name, f"memory-{name}-{pods}-{number}", _waiting(f"{READY} ${{JOB_COMPLETION_INDEX:-0}}"), pods
        )
        try:
            until_or_ended(lambda: ready_pods(run.log()) == pods, run, "not every Pod has printed a line")
            time.sleep(CALM_SECONDS)
            for _ in range(SAMPLES):
                seen = [each for each in map(look_at, run.processes()) if each]
                yield memory_of_all(rollup for _, rollup in seen), Counter(name for name, _ in seen)
                time.sleep(1)
        finally:
            run.stop()

    def idle(self) -> list[Row]:
        """Both wait at the same time, each behind a proxy of its own."""
        proxies = {name: self._directory / f"proxy-{name}" for name in NAMES}
        with ExitStack() as stack:
            observer = stack.enter_context(Observer(self._options.namespace))
            for name, state in proxies.items():
                stack.enter_context(_proxy(state))
                job = f"idle-{name}"
                self._create_job(job, _waiting())
                stack.callback(self._delete_job, job)
                limit = LIMIT_SECONDS + int(self._options.idle_seconds)
                run = self._follow(name, job, KUBECONFIG=str(state / "kubeconfig"), limit=limit)
                stack.callback(run.stop)
                until_or_ended(_seen(observer.running, job), run, f"Job {job} does not run")
            time.sleep(CALM_SECONDS)
            before, began = {name: count(state) for name, state in proxies.items()}, time.monotonic()
            progress(f"idle: counting for {self._options.idle_seconds} s")
            time.sleep(self._options.idle_seconds)
            after, minutes = {name: count(state) for name, state in proxies.items()}, (time.monotonic() - began) / 60
        each = {name: {kind: after[name][kind] - before[name][kind] for kind in KINDS} for name in NAMES}
        self.raw["idle"] = {"minutes": minutes, "requests": each, "until_idle": before}
        return [
            Row(f"requests while idle: {kind}", "1/min", each["this"][kind] / minutes, each["other"][kind] / minutes)
            for kind in KINDS
            if kind == "any" or each["this"][kind] or each["other"][kind]
        ]

    def at_once(self) -> list[Row]:
        many = self._options.at_once
        if not many:
            return []
        results: dict[str, list[Result]] = {}
        seconds: dict[str, list[float]] = {}
        for name in NAMES:
            jobs = [f"at-once-{name}-{number}" for number in range(many)]
            with Observer(self._options.namespace) as observer, ExitStack() as stack:
                runs = [self._run_job(name, job, f"sleep {self._options.job_seconds}") for job in jobs]
                for run in runs:
                    stack.callback(run.stop)
                results[name] = [run.result() for run in runs]
                until(_seen(observer.complete, *jobs), "the watch has not seen every Job")
            ended = zip(jobs, results[name], strict=True)
            seconds[name] = [result.ended - observer.complete[job] for job, result in ended]
            progress(f"{many} at once of {name}: done")
        self.raw["at-once"] = {
            name: {"runs": [asdict(each) for each in results[name]], "finish": seconds[name]} for name in NAMES
        }
        return [
            *spread(f"processor time of a run-job, {many} at once", "s", _each(results, lambda result: result.cpu)),
            *percentiles(f"complete to end of run-job, {many} at once", "s", seconds),
        ]

    def lines(self) -> list[Row]:
        counted = {name: count_lines(checkout / "scripts") for name, checkout in self._checkouts.items()}
        self.raw["lines"] = counted
        rows = [
            Row(f"lines of {each} in scripts/", "", counted["this"][each], counted["other"][each])
            for each in counted["this"]
        ]
        return [*rows, Row("lines in scripts/", "", sum(counted["this"].values()), sum(counted["other"].values()))]

    def _run_job(self, name: str, task: str, command: str, pods: int = 1) -> Run:
        """As a task of Airflow that has this name; its Job's container runs a shell command."""
        values: dict[str, Any] = {
            "image": IMAGE,
            "command": ["sh", "-c", command],
            "retries": 0,
            "resources": RESOURCES,
        }
        if pods > 1:
            values["items"] = list(range(pods))
        directory = self._directory / task
        directory.mkdir()
        (directory / "values.json").write_text(json.dumps(values))
        script = ["bash", str(self._checkouts[name] / "scripts" / "run-job"), "--namespace", self._options.namespace]
        script += ["--template", "indexed-job" if pods > 1 else "batch-job", "--values", str(directory / "values.json")]
        airflow = {"AIRFLOW_CTX_DAG_ID": "compare", "AIRFLOW_CTX_TASK_ID": task, "AIRFLOW_CTX_DAG_RUN_ID": "run"}
        airflow |= {"AIRFLOW_CTX_TRY_NUMBER": "1", "GKE_JOB_MAP_INDEX": "-1", "GKE_JOB_AIRFLOW_ENVIRONMENT": "test"}
        return Run(directory / "run", script, self._environ | airflow)

    def _follow(self, name: str, job: str, *, limit: int = LIMIT_SECONDS, **environ: str) -> Run:
        script = ["bash", str(self._checkouts[name] / "scripts" / "follow-job")]
        script += ["--namespace", self._options.namespace, "--job", job]
        return Run(self._directory / job, script, self._environ | environ, limit)

    def _create_job(self, name: str, command: str) -> None:
        container = {"name": "main", "image": IMAGE, "command": ["sh", "-c", command], "resources": RESOURCES}
        pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
        spec = {"backoffLimit": 0, "template": {"spec": pod}}
        job = json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
        command_line = [*self._kubectl, "create", "--filename", "-"]
        subprocess.run(command_line, input=job, text=True, check=True, stdout=DEVNULL, timeout=LIMIT_SECONDS)

    def _delete_job(self, name: str) -> None:
        command = [*self._kubectl, "delete", "job", name, "--ignore-not-found", "--wait=false"]
        subprocess.run(command, check=False, stdout=DEVNULL, timeout=LIMIT_SECONDS)


@contextmanager
def _proxy(state: Path) -> Iterator[None]:
    faults = [sys.executable, "-m", "faults"]
    upstream = os.environ["CLUSTER_STATE"]
    subprocess.run([*faults, "start", "--state", str(state), "--upstream", upstream], check=True, timeout=LIMIT_SECONDS)
    try:
        yield
    finally:
        subprocess.run([*faults, "stop", "--state", str(state)], check=True, timeout=LIMIT_SECONDS)


def _seen(times: Mapping[str, float], *jobs: str) -> Callable[[], bool]:
    """Whether an Observer has got to the end of these Jobs."""
    return lambda: set(jobs) <= set(times)


def _waiting(first_line: str = "") -> str:
    """A shell command that prints a line, or nothing, and ends when it is told to."""
    said = f'echo "{first_line}"; ' if first_line else ""
    return f"{said}trap 'exit 143' TERM; sleep 3600 & wait"


def _each(results: Mapping[str, list[Result]], value: Callable[[Result], float]) -> dict[str, list[float]]:
    return {name: [value(result) for result in results[name]] for name in NAMES}


def progress(message: str) -> None:
    print(f"compare: {message}", file=sys.stderr, flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is ended and removed
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--this", default=ROOT, type=Path, help="a checkout; default: this one")
    parser.add_argument("--other", required=True, type=Path, help="the one to compare with")
    parser.add_argument("--json", type=Path, help="file for the rows and the single values")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--job-seconds", type=int, default=3)
    parser.add_argument("--memory-rounds", type=int, default=3)
    parser.add_argument("--idle-seconds", type=float, default=240)
    parser.add_argument("--at-once", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.only.split(",")) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}: they are {', '.join(PARTS)}")
    checkouts = {"this": options.this.resolve(), "other": options.other.resolve()}
    for checkout in checkouts.values():
        if not (checkout / "scripts" / "run-job").exists():
            parser.error(f"{checkout} is not a checkout")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="compare-") as name:
        comparison = Comparison(checkouts, Path(name), options)
        for part in PARTS:
            if part in options.only.split(","):
                rows += getattr(comparison, part.replace("-", "_"))()
    print(table(rows))
    if options.json:
        figures = [asdict(row) | {"ratio": row.ratio} for row in rows]
        options.json.write_text(json.dumps({"rows": figures, "raw": comparison.raw}, indent=1) + "\n")


if __name__ == "__main__":
    main()
