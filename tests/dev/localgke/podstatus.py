"""Imitates the status of a Pod: its phase, its conditions and the states of its containers."""

from __future__ import annotations

from pathlib import Path

from localgke.objects import TERMINAL, set_condition
from localgke.store import Object, now

MESSAGE_BYTES = 4096
FALLBACK_BYTES = 2048
ADDRESS = "127.0.0.1"
NEVER = "1970-01-01T00:00:00Z"  # start time of a container that has not started


class ContainerStatus:
    """The status of one container; `spec` is its part of the Pod's spec."""

    def __init__(self, spec: Object):
        self.spec = spec
        self.name: str = spec["name"]
        self.restarts = 0
        self.state: Object = {}
        self._last: Object = {}
        self.wait("ContainerCreating")

    def wait(self, reason: str, message: str = "") -> None:
        """Sets the state to waiting."""
        self._become("waiting", {"reason": reason, "message": message} if message else {"reason": reason})

    def run(self) -> None:
        """Sets the state to running."""
        self._become("running", {"startedAt": now()})

    def end(self, code: int, message: str, reason: str = "") -> None:
        """Sets the state to terminated."""
        started = self.state.get("running", {}).get("startedAt", NEVER)
        ended = {"exitCode": code, "reason": reason or ("Error" if code else "Completed"), "startedAt": started}
        self._become("terminated", {**ended, "finishedAt": now(), **({"message": message} if message else {})})

    def give_up(self) -> None:
        """Sets the state after the end of the Pod: that of the last run, or unknown if the container never ran."""
        if self.exit_code is None:
            missing = "The container could not be located when the pod was terminated"
            lost = {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": missing}
            self.state = self._last or {"terminated": {**lost, "startedAt": None, "finishedAt": None}}

    def _become(self, kind: str, state: Object) -> None:
        if "terminated" in self.state:
            self._last = self.state
        self.state = {kind: state}

    @property
    def started(self) -> bool:
        """Whether the container has ever run."""
        return bool(self._last) or "waiting" not in self.state

    @property
    def exit_code(self) -> int | None:
        """The exit code of a container that has ended and is not restarted yet, otherwise None."""
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code

    def as_object(self) -> Object:
        """Returns the API's ContainerStatus."""
        running = "running" in self.state
        return {
            "name": self.name,
            "image": self.spec["image"],
            "imageID": self.spec["image"] if self.started else "",
            "ready": running,
            "started": running,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self._last,
        }


def write_status(pod: Object, phase: str, containers: list[ContainerStatus], *, has_volumes: bool = True) -> None:
    """Sets the status of a Pod, and keeps conditions and fields that the kubelet does not own."""
    status = pod["status"]
    status.setdefault("startTime", now())
    status.update(phase=phase, hostIP=ADDRESS, podIP=ADDRESS, hostIPs=[{"ip": ADDRESS}], podIPs=[{"ip": ADDRESS}])
    status["containerStatuses"] = [item.as_object() for item in containers]
    unready = [item.name for item in containers if "running" not in item.state]
    reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "ContainersNotReady" if unready else "")
    message = f"containers with unready status: [{' '.join(unready)}]" if reason == "ContainersNotReady" else ""
    set_condition(pod, "PodReadyToStartContainers", str(has_volumes and phase not in TERMINAL))
    set_condition(pod, "Initialized", "True", "PodCompleted" if phase == "Succeeded" else "")
    for kind in ("Ready", "ContainersReady"):
        set_condition(pod, kind, str(not reason), reason, message)


def termination_message(file: Path, policy: str, failed: bool, log: Path) -> str:
    """Returns the end of a container's termination log, or of its log if `policy` allows that."""
    message = file.read_bytes()[-MESSAGE_BYTES:]
    if not message and failed and policy == "FallbackToLogsOnError":
        lines = log.read_bytes().splitlines(keepends=True)  # CRI lines: time, stream, tag, text
        message = b"".join(line.split(b" ", 3)[3] for line in lines[-80:])[-FALLBACK_BYTES:]
    return message.decode(errors="replace")
