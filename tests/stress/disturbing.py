"""Injects the faults of a draw into a try, each at its moment."""

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
class Endpoint:
    """A separate endpoint of the cluster: a proxy, and the environment variables that make the tools use it."""

    state: Path
    environ: dict[str, str]

    @classmethod
    def start(cls, state: Path, upstream: Path) -> Endpoint:
        """Start a proxy with the state directory `state`; `upstream` is the state directory of the cluster."""
        run("start", state, upstream)
        words = shlex.split((state / "env").read_text())
        exports = dict(word.split("=", 1) for word in words if word != "export")
        return cls(state, {**os.environ, **exports})

    def stop(self) -> None:
        """Stop the proxy."""
        background.stop(self.state)


class Disturbance:
    """Injects faults into one try, `process`, of the run `run`; `happened`: the faults injected so far."""

    def __init__(
        self, faults: Sequence[Fault], endpoint: Endpoint, namespace: Namespace, run: str, process: Popen[bytes]
    ) -> None:
        self.happened: list[Fault] = []
        self._waiting = list(faults)
        self._until: dict[Fault, float] = {}  # the faults that are set at the proxy, and when each ends
        self._reached = {"start": time.monotonic()}
        self._endpoint = endpoint
        self._namespace = namespace
        self._run = run
        self._process = process
        self._watches = count(endpoint.state)["watch"]

    def tick(self) -> None:
        """Start the faults that are due, and end the expired ones."""
        now = time.monotonic()
        for moment in {fault.moment for fault in self._waiting} - self._reached.keys():
            if self._has_come(moment):
                self._reached[moment] = now
        due = [fault for fault in self._waiting if self._reached.get(fault.moment, now) + fault.after < now]
        ended = [fault for fault, until in self._until.items() if until < now]
        for fault in due:
            self._waiting.remove(fault)
            self.happened.append(fault)
            if fault.rules:
                self._until[fault] = now + fault.duration
        for fault in ended:
            del self._until[fault]
        if ended or any(fault.rules for fault in due):
            set_faults(
                self._endpoint.state,
                [rule for fault in self._until for rule in fault.rules if fault in due or not rule.endswith(":now")],
            )
        for fault in due:
            self._carry_out(fault.action)

    def end(self) -> None:
        """Clear all faults of the proxy."""
        set_faults(self._endpoint.state, [])

    def _has_come(self, moment: str) -> bool:
        match moment:
            case "created":
                return bool(self._namespace.jobs(self._run))
            case "followed":
                return count(self._endpoint.state)["watch"] >= self._watches + 2
        return bool(self._namespace.pods(self._run, "Running"))

    def _carry_out(self, action: str) -> None:
        namespace = self._namespace.name
        match action:
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
            case _ if action:
                number = signal.Signals[action]
                # Airflow signals the process group. A SIGKILL, as from the OOM killer, hits a single process.
                (os.killpg if number in CAUGHT else os.kill)(self._process.pid, number)


def kubectl(namespace: str, *arguments: str, given: object = None) -> None:
    """Run kubectl without a proxy. NotFound is no error: the object may be deleted already."""
    command = ["kubectl", "--namespace", namespace, *arguments]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    check(done.returncode == 0 or "NotFound" in done.stderr, f"{' '.join(command)}: {done.stderr}")
