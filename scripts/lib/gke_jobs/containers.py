"""The containers of a Pod: the main container, the sidecars, and the state of each."""

from __future__ import annotations

from dataclasses import dataclass

from gke_jobs.json_access import Json, dict_at, int_at, list_at, text_at
from gke_jobs.labels import DEFAULT_CONTAINER

MAIN = "main"  # name of the main container in the shipped templates
# Known sidecars that are injected as ordinary containers.
KNOWN_SIDECARS = {
    *("istio-proxy", "linkerd-proxy", "cloud-sql-proxy", "vault-agent", "daprd"),
    *("gke-gcsfuse-sidecar", "gke-gcsfuse-metadata-prefetch"),
}


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container: its name, its kind as in messages, and its status from the API, which may be {}.

    holds_pod: whether its Pod ends only after it has ended; False for a native sidecar
    """

    name: str
    kind: str  # container, init container or sidecar
    holds_pod: bool
    spec: dict[str, Json]
    status: dict[str, Json]

    @property
    def waiting(self) -> dict[str, Json]:
        """The ContainerStateWaiting, {} if it does not wait."""
        return dict_at(self.status, "state", "waiting")

    @property
    def ended(self) -> dict[str, Json]:
        """The ContainerStateTerminated, {} if it has not ended."""
        return dict_at(self.status, "state", "terminated")

    @property
    def ended_before(self) -> dict[str, Json]:
        """The ContainerStateTerminated before its last restart, {} if it was not restarted."""
        return dict_at(self.status, "lastState", "terminated")

    @property
    def is_running(self) -> bool:
        """Whether it is running."""
        return isinstance(dict_at(self.status, "state").get("running"), dict)

    @property
    def has_failed(self) -> bool:
        """Whether it has ended with an exit code other than 0."""
        return int_at(self.ended, "exitCode") != 0


def containers(pod: Json) -> list[Container]:
    """Return the containers of a Pod in the order in which they start."""
    found = []
    for field, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        by_name = {text_at(status, "name"): status for status in list_at(pod, "status", statuses)}
        for spec in list_at(pod, "spec", field):
            if name := text_at(spec, "name"):
                is_init = field == "initContainers"
                kind, status = _kind(spec, name, is_init=is_init), by_name.get(name, {})
                holds_pod = not is_init or kind == "init container"
                found.append(Container(name=name, kind=kind, holds_pod=holds_pod, spec=spec, status=status))
    return found


def main_container(pod: Json) -> str:
    """Return the name of the main container, whose result counts; '' for a Pod without containers."""
    names = [name for spec in list_at(pod, "spec", "containers") if (name := text_at(spec, "name"))]
    meant = text_at(dict_at(pod, "metadata", "annotations"), DEFAULT_CONTAINER)
    for name in (meant, MAIN):
        if name in names:
            return name
    return next((name for name in names if name not in KNOWN_SIDECARS), names[0] if names else "")


def _kind(spec: Json, name: str, *, is_init: bool) -> str:
    if is_init:
        return "sidecar" if text_at(spec, "restartPolicy") == "Always" else "init container"
    return "sidecar" if name in KNOWN_SIDECARS else "container"
