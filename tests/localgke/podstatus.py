"""Imitates the status of a Pod: its phase, its conditions and the states of its containers."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from localgke.objects import TERMINAL, set_condition
from localgke.store import Object, now

MESSAGE_BYTES = 4096
FALLBACK_BYTES, FALLBACK_LINES = 2048, 80


class ContainerStatus:
    """The status of one container; `spec` is its part of the Pod's spec."""

    def __init__(self, spec: Object, reason: str = "PodInitializing"):
        self.spec = spec
        self.name: str = spec["name"]
        self.restarts = 0
        self.exit_code: int | None = None
        self.started = False
        self._id = ""
        self._last: Object = {}
        self._state: Object = {}
        self.wait(reason)

    def wait(self, reason: str, message: str = "") -> None:
        """Why the container does not run yet, or not now."""
        if "terminated" in self._state:
            self._last = self._state
        self._state = {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}

    def run(self) -> None:
        """The container runs."""
        if "terminated" in self._state:
            self._last = self._state
        self._id = f"containerd://{uuid.uuid4().hex * 2}"
        self.exit_code = None
        self.started = True
        self._state = {"running": {"startedAt": now()}}

    def end(self, code: int, termination_log: Path, log: Path) -> None:
        """The container has ended with that exit code; its message is read as terminationMessagePolicy says."""
        message = _tail(termination_log, MESSAGE_BYTES).decode(errors="replace")
        if not message and code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            message = _last_lines(log)
        self._terminate(code, "Error" if code else "Completed", message, self._state["running"]["startedAt"])

    def end_unstarted(self, message: str) -> None:
        """The container's process could not be started."""
        self.started = True
        self._id = f"containerd://{uuid.uuid4().hex * 2}"
        self._terminate(128, "StartError", message, "1970-01-01T00:00:00Z")

    def _terminate(self, code: int, reason: str, message: str, started: str) -> None:
        self.exit_code = code
        ended = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now(), "containerID": self._id}
        self._state = {"terminated": {**ended, "message": message} if message else ended}

    def as_object(self, initial: bool = False) -> Object:
        """The API's ContainerStatus."""
        running = "running" in self._state
        status = {"name": self.name, "image": self.spec["image"], "imageID": self.spec["image"] if self._id else ""}
        status |= {"containerID": self._id} if self._id else {}
        return {
            **status,
            "ready": self.exit_code == 0 if initial else running,
            "started": running,
            "restartCount": self.restarts,
            "state": self._state,
            "lastState": self._last,
        }


def write_status(pod: Object, phase: str, initial: list[ContainerStatus], main: list[ContainerStatus]) -> None:
    """Sets the status of a Pod, which keeps what others than the kubelet wrote there."""
    status = pod["status"]
    status.setdefault("startTime", now())
    status.update(phase=phase, hostIP="127.0.0.1", podIP="127.0.0.1", podIPs=[{"ip": "127.0.0.1"}])
    if initial:
        status["initContainerStatuses"] = [item.as_object(initial=True) for item in initial]
    status["containerStatuses"] = [item.as_object() for item in main]
    left = [item.name for item in initial if item.exit_code != 0]
    unready = [item["name"] for item in status["containerStatuses"] if not item["ready"]]
    if left:
        message = f"containers with incomplete status: [{' '.join(left)}]"
        set_condition(pod, "Initialized", "False", "ContainersNotInitialized", message)
    else:
        set_condition(pod, "Initialized", "True", "PodCompleted" if phase == "Succeeded" else "")
    for kind in ("Ready", "ContainersReady"):
        if phase in TERMINAL:
            set_condition(pod, kind, "False", "PodCompleted" if phase == "Succeeded" else "PodFailed")
        elif unready:
            message = f"containers with unready status: [{' '.join(unready)}]"
            set_condition(pod, kind, "False", "ContainersNotReady", message)
        else:
            set_condition(pod, kind, "True")


def _tail(file: Path, size: int) -> bytes:
    with file.open("rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
        return stream.read()


def _last_lines(log: Path) -> str:
    """The end of a container's log, without what the CRI puts before each line."""
    lines = [line.split(b" ", 3)[3] for line in log.read_bytes().splitlines(keepends=True)[-FALLBACK_LINES:]]
    return b"".join(lines)[-FALLBACK_BYTES:].decode(errors="replace")
