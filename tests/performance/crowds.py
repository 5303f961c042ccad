"""Many Jobs at once, and what waits for them: used by scale.py.

Jobs run on nodes that KWOK plays until they are told to end, then leave their number as the result.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import yaml

from e2e.processes import processes, read, stat
from performance.figures import memory_of_all

SCRIPTS = Path(__file__).parents[2] / "scripts"
AIRFLOW = {"AIRFLOW_CTX_DAG_ID": "scale", "AIRFLOW_CTX_DAG_RUN_ID": "run", "AIRFLOW_CTX_TRY_NUMBER": "1"}
POLL_SECONDS = 0.2
# Requests that the toolkit makes, and no part of the cluster does: by resource, subresource, scope and verb.
OURS = (
    *(f"jobs//namespace/{verb}" for verb in ("LIST", "WATCH")),
    *(f"jobs//resource/{verb}" for verb in ("GET", "POST", "PATCH")),
    *(f"pods//namespace/{verb}" for verb in ("LIST", "WATCH")),
    "pods/log/resource/CONNECT",
    "events//namespace/LIST",
)


class WrongError(Exception):
    """What was measured is not what was to be measured."""


def patience(jobs: int) -> float:
    """Seconds until what should happen to so many Jobs counts as not happening."""
    return 120 + 5 * jobs


def wait_for(what: Callable[[], object], message: str, jobs: int) -> None:
    """Waits until `what` holds. Raises WrongError when it does not in time."""
    deadline = time.monotonic() + patience(jobs)
    while not what():
        if time.monotonic() > deadline:
            raise WrongError(message)
        time.sleep(POLL_SECONDS)


class Jobs:
    """What a watch beside it all sees of the Jobs of `namespace`; by name.

    made: the uids there ever were; runs: those with a running Pod; complete: when, by the monotonic clock
    """

    def __init__(self, namespace: str) -> None:
        self.made: defaultdict[str, set[str]] = defaultdict(set)
        self.runs: set[str] = set()
        self.complete: dict[str, float] = {}
        self._namespace = namespace
        self._kubectl: Popen[bytes] | None = None

    @contextmanager
    def watched(self) -> Iterator[Jobs]:
        """Watches until the end of the context."""
        ended = threading.Event()
        reader = threading.Thread(target=self._read, args=(ended,))
        reader.start()
        try:
            yield self
        finally:
            ended.set()
            assert self._kubectl
            self._kubectl.kill()
            reader.join()

    def _read(self, ended: threading.Event) -> None:
        # Of all namespaces: so the API server counts it apart from the watches of the toolkit.
        path = "/apis/batch/v1/jobs?watch=1&timeoutSeconds=86400"
        while not ended.is_set():  # a server that is busy ends watches; the next one begins with what there is
            self._kubectl = Popen(["nice", "--adjustment=-10", "kubectl", "get", "--raw", path], stdout=PIPE)
            with self._kubectl:
                assert self._kubectl.stdout
                for line in self._kubectl.stdout:
                    self._take(json.loads(line)["object"], time.monotonic())

    def _take(self, job: dict[str, Any], now: float) -> None:
        if job["metadata"].get("namespace") == self._namespace:
            name, status = job["metadata"]["name"], job.get("status", {})
            self.made[name].add(job["metadata"]["uid"])
            if status.get("ready"):
                self.runs.add(name)
            if any(each["type"] == "Complete" and each["status"] == "True" for each in status.get("conditions", [])):
                self.complete.setdefault(name, now)


@dataclass(frozen=True)
class Ended:
    """A process: its exit code, when it ended, by the monotonic clock, and processor seconds of it and its children."""

    code: int
    at: float
    cpu: float


class Script:
    """A script as a task of Airflow runs it: in a session of its own. Its output is in the file `log`."""

    def __init__(self, directory: Path, name: str, command: Sequence[str], environ: dict[str, str]) -> None:
        self.name, self.log = name, directory / f"{name}.log"
        self.ended: Ended | None = None
        with self.log.open("wb") as log:
            self.process = Popen(command, env=environ, stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._waiter = threading.Thread(target=self._wait)
        self._waiter.start()

    def _wait(self) -> None:
        _, status, usage = os.wait4(self.process.pid, 0)
        self.ended = Ended(os.waitstatus_to_exitcode(status), time.monotonic(), usage.ru_utime + usage.ru_stime)

    def has_begun(self) -> bool:
        """Whether it has printed what the container of its Job prints."""
        return b"| began " in self.log.read_bytes()

    def stop(self) -> None:
        """Ends it if it still runs."""
        if not self.ended:
            os.kill(self.process.pid, signal.SIGTERM)
        self._waiter.join()


def values(number: int, seconds: int = 0) -> dict[str, Any]:
    """Of a batch-job whose Pod KWOK plays; its result is the number. It ends after so many seconds; 0: when told to."""
    plays = {"kwok/log": f"began {number}", "kwok/message": str(number)}
    plays |= {"kwok/ends-after": f"{seconds}s"} if seconds else {}
    return {"image": "busybox:1.37", "command": ["true"], "node_pool": "scale-pool", "retries": 0, "annotations": plays}


def manifests(namespace: str, names: Sequence[str], directory: Path) -> str:
    """A List of one Job for each name, which is all that tells them apart, and the result."""
    file = directory / "values.json"
    file.write_text(json.dumps(values(0)))
    command = [sys.executable, str(SCRIPTS / "render-job"), "--template", "batch-job", "--values", str(file)]
    environ = {**os.environ, **AIRFLOW, "AIRFLOW_CTX_TASK_ID": "all", "GKE_JOB_AIRFLOW_ENVIRONMENT": "scale"}
    done = subprocess.run(
        [*command, "--name", "job", "--namespace", namespace], env=environ, check=True, stdout=PIPE, text=True
    )
    job = yaml.safe_load(done.stdout)
    items = []
    for number, name in enumerate(names):
        job["metadata"]["name"] = name
        job["spec"]["template"]["metadata"]["annotations"] = values(number)["annotations"]
        items.append(json.dumps(job))
    return f'{{"apiVersion": "v1", "kind": "List", "items": [{",".join(items)}]}}'


def kubectl(*arguments: str, given: str = "") -> str:
    """What kubectl prints."""
    return subprocess.run(["kubectl", *arguments], input=given, check=True, stdout=PIPE, text=True).stdout


def end_all(namespace: str) -> None:
    """Has every Pod of the namespace end, as fast as kubectl asks for it."""
    kubectl("annotate", "pods", "--namespace", namespace, "--all", "kwok/ends-after=100ms")


def admin_kubeconfig(directory: Path) -> Path:
    """Of a user who may read the metrics of the API server."""
    state = Path(os.environ["CLUSTER_STATE"])
    config = yaml.safe_load((state / "kubeconfig").read_text())
    config["users"] = yaml.safe_load((state / "admin.kubeconfig").read_text())["users"]
    config["contexts"][0]["context"]["user"] = config["users"][0]["name"]
    file = directory / "admin.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def requests_of(metrics: str) -> Counter[str]:
    """How many requests of OURS an API server has answered; watches count when they end."""
    counted: Counter[str] = Counter()
    for line in metrics.splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            kind = "/".join(labels[name] for name in ("resource", "subresource", "scope", "verb"))
            if kind in OURS and labels["group"] in ("", "batch"):
                counted[kind] += int(float(line.rpartition(" ")[2]))
    return counted


def memory_below(pids: Set[int]) -> tuple[float, int]:
    """Private MiB of processes and all below them, and how many they are."""
    parents = {pid: int(fields[1]) for pid in processes() if (fields := stat(pid))}
    found = [pid for pid in parents if not pids.isdisjoint(_line(pid, parents))]
    return memory_of_all(read(pid, "smaps_rollup").decode() for pid in found)["Private"] / 2**20, len(found)


def _line(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    """A process, its parent, and so on."""
    while pid in parents:
        yield pid
        pid = parents[pid]
