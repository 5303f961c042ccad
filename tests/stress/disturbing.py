"""Lets the faults of a draw happen to a try, each at its moment."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from faults.__main__ import count, run, set_faults
from localgke import background
from stress.drawing import Fault
from stress.task import CAUGHT, check
from stress.watching import Namespace


@dataclass(frozen=True)
class Way:
    """A way to the cluster of its own: a proxy, and the environment that leads there."""

    state: Path
    environ: dict[str, str]

    @classmethod
    def start(cls, state: Path, upstream: Path) -> Way:
        """Start a proxy in `state`; `upstream` is the state of the cluster."""
        run("start", state, upstream)
        words = shlex.split((state / "env").read_text())
        exports = dict(word.split("=", 1) for word in words if word != "export")
        return cls(state, {**os.environ, **exports})

    def stop(self) -> None:
        """End the proxy."""
        background.stop(self.state)


class Disturbance:
    """What befalls one try, `process`, of the run `run`; `happened` are the faults whose moment came."""

    def __init__(
        self, faults: Sequence[Fault], way: Way, namespace: Namespace, run: str, process: Popen[bytes]
    ) -> None:
        self.happened: list[Fault] = []
        self._waiting = list(faults)
        self._until: dict[Fault, float] = {}  # the faults that the proxy has
        self._reached = {"start": time.monotonic()}
        self._way = way
        self._namespace = namespace
        self._run = run
        self._process = process
        self._watches = count(way.state)["watch"]

    def tick(self) -> None:
        """Begin and end what is due."""
        now = time.monotonic()
        for moment in {fault.moment for fault in self._waiting} - self._reached.keys():
            if self._is(moment):
                self._reached[moment] = now
        due = [fault for fault in self._waiting if self._reached.get(fault.moment, now) + fault.after < now]
        over = [fault for fault, until in self._until.items() if until < now]
        for fault in due:
            self._waiting.remove(fault)
            self.happened.append(fault)
            if fault.rules:
                self._until[fault] = now + fault.lasting
        for fault in over:
            del self._until[fault]
        if over or any(fault.rules for fault in due):
            set_faults(
                self._way.state,
                [rule for fault in self._until for rule in fault.rules if fault in due or not rule.endswith(":now")],
            )
        for fault in due:
            self._do(fault.deed)

    def end(self) -> None:
        """Let all be well again."""
        set_faults(self._way.state, [])

    def _is(self, moment: str) -> bool:
        match moment:
            case "created":
                return bool(self._namespace.jobs(self._run))
            case "followed":
                return count(self._way.state)["watch"] >= self._watches + 2
        return bool(self._namespace.pods(self._run, "Running"))

    def _do(self, deed: str) -> None:
        namespace = self._namespace.name
        match deed:
            case "delete Job":
                kubectl(namespace, "delete", "job", self._namespace.jobs(self._run)[-1].name, "--wait=false")
            case "delete Pod":
                for pod in self._namespace.pods(self._run, "Running")[:1]:
                    kubectl(namespace, "delete", "pod", pod, "--wait=false")
            case "evict Pod":
                for pod in self._namespace.pods(self._run, "Running")[:1]:
                    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
                    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
                    kubectl(namespace, "create", "--raw", path, "--filename", "-", given=eviction)
            case _ if deed:
                number = signal.Signals[deed]
                # Airflow signals the process group; whatever kills a worker's processes does it one by one.
                (os.killpg if number in CAUGHT else os.kill)(self._process.pid, number)


def kubectl(namespace: str, *arguments: str, given: object = None) -> None:
    """Ask the cluster past the proxies; that something is gone already is no error."""
    command = ["kubectl", "--namespace", namespace, *arguments]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    check(done.returncode == 0 or "NotFound" in done.stderr, f"{' '.join(command)}: {done.stderr}")
