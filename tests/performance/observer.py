"""Watches that see, beside everything that is measured, when Jobs and Pods change."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from subprocess import DEVNULL, Popen

PATIENCE = 300  # seconds until what should happen counts as not happening
CONDITION = '{.object.status.conditions[?(@.type=="%s")].status}'
JOB = (
    "{.type}|{.object.metadata.name}|{.object.metadata.annotations.gke-job/%s}|"
    f'{CONDITION % "Complete"}|{CONDITION % "Failed"}|{{.object.status.ready}}{{"\\n"}}'
)
POD = '{.type}|{.object.metadata.name}|{.object.metadata.ownerReferences[*].kind}|{.object.status.phase}{"\\n"}'
PHASES = {"Running": "running", "Succeeded": "complete", "Failed": "failed"}


def job_line(line: str) -> tuple[str, set[str]]:
    """A Job and what a line of its watch says of it.

    By the annotation; by its name where no task of ours made the Job. KubernetesJobOperator puts `job-` in front of it.
    """
    event, job, annotation, complete, failed, ready = line.rstrip("\n").split("|")
    states = {"complete": complete == "True", "failed": failed == "True", "running": ready == "1"}
    states["gone"] = event == "DELETED"
    return annotation or job.removeprefix("job-"), {"created", *(name for name, holds in states.items() if holds)}


def pod_line(line: str) -> tuple[str, set[str]]:
    """The same of a Pod; nothing of one that belongs to a Job."""
    event, pod, owner, phase = line.rstrip("\n").split("|")
    if owner:
        return pod, set()
    states = {"created", *([PHASES[phase]] if phase in PHASES else [])}
    return pod, states | ({"gone"} if event == "DELETED" else set())


@dataclass
class Observer:
    """A watch on the Jobs of a namespace, or of all: when each was first seen so, in seconds of the monotonic clock.

    :param annotation: of the toolkit, by which Jobs are told apart: `task-id` or `run-id`
    :param pods: whether Pods that belong to no Job are watched instead
    :param kubeconfig: of the cluster; by default kubectl's own
    """

    namespace: str = ""
    annotation: str = "task-id"
    pods: bool = False
    kubeconfig: str = ""
    created: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    complete: dict[str, float] = field(default_factory=dict)
    failed: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> Observer:
        command = ["kubectl", "get", "pods" if self.pods else "jobs", "--watch", "--output-watch-events"]
        command += ["--namespace", self.namespace] if self.namespace else ["--all-namespaces"]
        command += ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        text = POD if self.pods else JOB % self.annotation
        self._kubectl = Popen([*command, "--output", f"jsonpath={text}"], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self) -> None:
        assert self._kubectl.stdout
        for line in self._kubectl.stdout:
            name, states = (pod_line if self.pods else job_line)(line)
            for state in states:
                getattr(self, state).setdefault(name, time.monotonic())

    def __exit__(self, *_: object) -> None:
        self._kubectl.terminate()
        self._kubectl.wait()


def until(what: Callable[[], object], message: str, patience: float = PATIENCE) -> None:
    """Returns once `what` is true. Raises SystemExit after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not what():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {message} after {patience:.0f} s")
        time.sleep(0.05)


def delete_jobs(namespace: str) -> None:
    """Delete all Jobs of a namespace."""
    subprocess.run(["kubectl", "--namespace", namespace, "delete", "jobs", "--all"], check=True, stdout=DEVNULL)
