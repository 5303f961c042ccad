"""Compares GkeJobOperator with KubernetesJobOperator (`wait_until_job_complete=True`), both in a real Airflow.

Measured in one run, so that the ratios hold on a machine of any speed:

- finish latency: from the moment at which a watch beside it all sees the Job complete until `execute` has returned,
  with the result; --jobs of each tool, in turn. And that of follow-job alone, until its process has ended.
- a waiting minute: both wait for a Job that runs and says nothing, at the same time, for --seconds; the requests that a
  proxy before the cluster counts, the processor time of the task's processes, Airflow's included, and their largest
  memory (proportional set size: what several share counts once).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import quantiles
from subprocess import DEVNULL, Popen
from typing import Any

from faults.__main__ import count

ROOT = Path(__file__).parents[2]
TOOLS = ("ours", "peer")
PATIENCE = 300  # seconds until what should happen counts as not happening
SAMPLE_SECONDS = 2
TICKS = os.sysconf("SC_CLK_TCK")
LINE = (
    "{.object.metadata.name}|{.object.metadata.annotations.gke-job/task-id}|"
    '{.object.status.conditions[?(@.type=="Complete")].status}|{.object.status.ready}{"\\n"}'
)


class Observer:
    """A watch on the namespace's Jobs: when each was first seen with a running Pod, and complete.

    By task; by its name where no task of ours made the Job. To that KubernetesJobOperator puts `job-` in front.
    """

    def __init__(self, namespace: str) -> None:
        command = ["kubectl", "get", "jobs", "--namespace", namespace, "--watch", "--output-watch-events"]
        self._kubectl = Popen([*command, "--output", f"jsonpath={LINE}"], stdout=subprocess.PIPE, text=True)
        self.running: dict[str, float] = {}
        self.complete: dict[str, float] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._kubectl.stdout
        for line in self._kubectl.stdout:
            job, task, complete, ready = line.rstrip("\n").split("|")
            name = task or job.removeprefix("job-")
            if ready == "1":
                self.running.setdefault(name, time.monotonic())
            if complete == "True":
                self.complete.setdefault(name, time.monotonic())

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *_: object) -> None:
        self._kubectl.terminate()
        self._kubectl.wait()


class Airflow:
    """A run of the DAG `bench` in a process of its own, with a proxy before the cluster if `proxy` names its state."""

    def __init__(
        self, directory: Path, namespace: str, *, tools: str, jobs: int, seconds: int, proxy: Path | None
    ) -> None:
        directory.mkdir()
        self._record, self.log = directory / "record", directory / "log"
        environ = {**os.environ, "BENCH_TOOLS": tools, "BENCH_COUNT": str(jobs), "BENCH_SECONDS": str(seconds)}
        environ |= {"BENCH_NAMESPACE": namespace, "BENCH_RECORD": str(self._record)}
        # One database each: SQLite lets one write at a time.
        home = directory / "airflow"
        subprocess.run(["cp", "-r", os.environ["AIRFLOW_HOME"], str(home)], check=True)
        environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db"}
        if proxy:
            environ["KUBECONFIG"] = str(proxy / "kubeconfig")
        command = [str(Path(sys.executable).with_name("airflow")), "dags", "test", "bench"]
        with self.log.open("wb") as log:
            self.process = Popen(command, env=environ, stdin=DEVNULL, stdout=log, stderr=log)

    def returned(self) -> dict[str, float]:
        """When each task has returned, at the end of the run."""
        if self.process.wait() or not self._record.exists():
            raise SystemExit(f"bench: the DAG has failed:\n{self.log.read_text()[-4000:]}")
        return {line["task"]: line["returned"] for line in map(json.loads, self._record.read_text().splitlines())}

    def processes(self) -> list[Path]:
        """Its processes now, below /proc."""
        parents: dict[int, int] = {}
        for process in Path("/proc").glob("[0-9]*"):
            if stat := _stat(process):
                parents[int(process.name)] = int(stat[1])
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return [Path("/proc", str(pid)) for pid in found]

    def cpu_seconds(self) -> float:
        """Processor time so far, of the processes that have ended, too."""
        return sum(sum(map(int, stat[11:15])) for stat in map(_stat, self.processes()) if stat) / TICKS

    def memory(self) -> int:
        """Proportional set size now, in bytes."""
        total = 0
        for process in self.processes():
            try:
                lines = (process / "smaps_rollup").read_text().splitlines()
            except OSError:  # it has ended meanwhile
                continue
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        return total


def _stat(process: Path) -> list[str]:
    """The fields of /proc/PID/stat from the third on; empty when the process has ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def until(what: Any, message: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {message} after {PATIENCE} s")
        time.sleep(0.05)


def finish_latency(directory: Path, namespace: str, jobs: int) -> dict[str, list[float]]:
    """Seconds from complete to returned, by tool."""
    with Observer(namespace) as observer:
        returned = Airflow(directory, namespace, tools=",".join(TOOLS), jobs=jobs, seconds=2, proxy=None).returned()
        until(lambda: set(returned) <= set(observer.complete), "the watch has not seen every Job complete")
    delete_jobs(namespace)
    latency = {task: returned[task] - observer.complete[task] for task in returned}
    return {tool: [seconds for task, seconds in latency.items() if task.startswith(tool)] for tool in TOOLS}


def delete_jobs(namespace: str) -> None:
    subprocess.run(["kubectl", "--namespace", namespace, "delete", "jobs", "--all"], check=True, stdout=DEVNULL)


def follow_latency(namespace: str, jobs: int) -> list[float]:
    """Seconds from complete to the end of follow-job."""
    container = {"name": "main", "image": "busybox:1.37", "command": ["sleep", "2"]}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    kubectl, ended = ["kubectl", "--namespace", namespace], {}
    with Observer(namespace) as observer:
        for name in (f"follow-{number}" for number in range(jobs)):
            job = json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
            subprocess.run([*kubectl, "create", "--filename", "-"], input=job, text=True, check=True, stdout=DEVNULL)
            command = ["bash", str(ROOT / "scripts" / "follow-job"), "--namespace", namespace, "--job", name]
            subprocess.run(command, check=True, stdout=DEVNULL, stderr=DEVNULL)
            ended[name] = time.monotonic()
        until(lambda: set(ended) <= set(observer.complete), "the watch has not seen every Job complete")
    return [ended[name] - observer.complete[name] for name in ended]


def wait_cost(directory: Path, namespace: str, seconds: int) -> dict[str, dict[str, float]]:
    """What waiting costs, by tool: `requests` and `cpu` seconds a minute, largest `memory` in bytes."""
    proxies = {tool: directory / f"proxy-{tool}" for tool in TOOLS}
    waiting: dict[str, Airflow] = {}
    try:
        with Observer(namespace) as observer:
            for tool, state in proxies.items():
                _faults("start", "--state", str(state), "--upstream", os.environ["CLUSTER_STATE"])
                waiting[tool] = Airflow(directory / tool, namespace, tools=tool, jobs=1, seconds=100_000, proxy=state)
            until(lambda: len(observer.running) == len(TOOLS), "the Jobs do not run")
        time.sleep(2 * SAMPLE_SECONDS)  # the start of their Pods is not part of waiting
        before = {tool: (count(proxies[tool])["any"], waiting[tool].cpu_seconds()) for tool in TOOLS}
        began, memory = time.monotonic(), dict.fromkeys(TOOLS, 0)
        while time.monotonic() < began + seconds:
            time.sleep(SAMPLE_SECONDS)
            memory = {tool: max(memory[tool], waiting[tool].memory()) for tool in TOOLS}
        minutes = (time.monotonic() - began) / 60
        return {
            tool: {
                "requests": (count(proxies[tool])["any"] - requests) / minutes,
                "cpu": (waiting[tool].cpu_seconds() - cpu) / minutes,
                "memory": memory[tool],
            }
            for tool, (requests, cpu) in before.items()
        }
    finally:
        delete_jobs(namespace)
        for airflow in waiting.values():
            airflow.process.wait()
        for state in proxies.values():
            if state.exists():
                _faults("stop", "--state", str(state))


def _faults(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "faults", *arguments], check=True)


def percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def row(what: str, ours: float, peer: float | None = None) -> None:
    ratio = "" if not peer else f"{ours / peer:10.2f}"
    print(f"{what:42}{ours:10.2f}{'' if peer is None else f'{peer:10.2f}'}{ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--jobs", type=int, default=20, help="for each figure of finishing; at least 2")
    parser.add_argument("--seconds", type=int, default=60, help="of waiting")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        print(f"{'':42}{'ours':>10}{'peer':>10}{'ratio':>10}", flush=True)
        follow = follow_latency(options.namespace, options.jobs)
        finish = finish_latency(directory / "finish", options.namespace, options.jobs)
        for percent in (50, 95):
            row(f"complete to end of follow-job, p{percent}, s", percentile(follow, percent))
            row(f"complete to returned, p{percent}, s", *(percentile(finish[tool], percent) for tool in TOOLS))
        costs = wait_cost(directory, options.namespace, options.seconds)
        row("requests a waiting minute", *(costs[tool]["requests"] for tool in TOOLS))
        row("processor time a waiting minute, s", *(costs[tool]["cpu"] for tool in TOOLS))
        row("memory of a waiting task, MiB", *(costs[tool]["memory"] / 2**20 for tool in TOOLS))


if __name__ == "__main__":
    main()
