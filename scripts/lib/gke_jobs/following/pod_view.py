"""The follower's view of one Pod: its phase, the text for it, its containers, and its times."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gke_jobs.containers import Container, containers, main_container
from gke_jobs.diagnosis.advice import MISSING, advise
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods import missing_claim, phase_of, scheduler_message, was_deleted_first, was_disrupted
from gke_jobs.json_access import Json, dict_at, int_at, text_at, true_conditions
from gke_jobs.labels import COMPLETION_INDEX
from gke_jobs.plain_text import one_line

NORMAL = {"ContainerCreating", "PodInitializing", ""}  # normal reasons for a container to wait
PREEMPTION = re.compile(r"( no new claims to deallocate,)? preemption: .*")  # the scheduler always adds this


@dataclass(frozen=True, kw_only=True)
class ContainerView:
    """One container.

    kind: container, init container or sidecar; holds_pod: False for a native sidecar; exit_code: None until it ends
    """

    name: str
    kind: str
    holds_pod: bool
    is_main: bool
    running: bool
    exit_code: int | None
    restarts: int


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One state of a Pod.

    message: the text after `Pod NAME ` in a message; details: the text after that if a container cannot be started
    deleted_first: whether it was deleted before it failed
    disrupted: why a Pod that succeeded was being ended by others, or ''
    stamps: RFC 3339 times of the API that this state has: created, scheduled, pulling (volumes and network are ready,
    images come next), started, ended
    """

    uid: str
    name: str
    index: str
    node: str
    phase: Phase
    message: str
    details: str
    containers: tuple[ContainerView, ...]
    deleted_first: bool
    disrupted: str
    stamps: dict[str, str]

    @property
    def title(self) -> str:
        """The name of the Pod in messages."""
        return f"Pod {self.name}" + (f" (index {self.index})" if self.index else "")

    @property
    def waits_for_volumes(self) -> bool:
        """Whether its volumes or its network may prevent its start."""
        return self.phase is Phase.STARTING and "pulling" not in self.stamps


def read_pod(pod: Json) -> Pod:
    """Return the view of a Pod."""
    phase, found = phase_of(pod), containers(pod)
    main, node = main_container(pod), one_line(text_at(pod, "spec", "nodeName"))
    return Pod(
        uid=text_at(pod, "metadata", "uid"),
        name=one_line(text_at(pod, "metadata", "name")),
        index=one_line(text_at(dict_at(pod, "metadata", "annotations"), COMPLETION_INDEX)),
        node=node,
        phase=phase,
        message=_describe(pod, phase, node, found),
        details=_details(found, one_line(missing_claim(pod))) if phase is Phase.STUCK else "",
        containers=tuple(_view(one, is_main=one.name == main) for one in found),
        deleted_first=phase is Phase.FAILED and was_deleted_first(pod),
        disrupted=one_line(was_disrupted(pod)) if phase is Phase.SUCCEEDED else "",
        stamps=_stamps(pod, found),
    )


def _view(container: Container, *, is_main: bool) -> ContainerView:
    return ContainerView(
        name=container.name,
        kind=container.kind,
        holds_pod=container.holds_pod,
        is_main=is_main and container.kind != "init container",
        running=container.is_running,
        exit_code=int_at(container.ended, "exitCode") if container.ended else None,
        restarts=int_at(container.status, "restartCount"),
    )


def _describe(pod: Json, phase: Phase, node: str, found: list[Container]) -> str:
    if phase is Phase.WAITING:
        return f"is waiting for a node{_with_reason(scheduler_text(pod))}"
    if phase is Phase.FAILED:
        code = next((f" with exit code {int_at(one.ended, 'exitCode')}" for one in found if one.has_failed), "")
        how = "was deleted, and has ended" if was_deleted_first(pod) else "has failed"
        return f"{how}{code}{_with_reason(_end_reasons(pod, found))}"
    if phase is Phase.SUCCEEDED:
        return "has succeeded"
    if phase is Phase.UNKNOWN:
        return f"is on {node or 'a node'}, which is unreachable"
    if phase is Phase.RUNNING:
        return f"is running on {node}"
    if phase is Phase.STUCK and not node:
        return f"is {phase.value}: {one_line(missing_claim(pod))}"
    waiting = " ".join(dict.fromkeys(reason for one in found if (reason := _waiting(one)) not in NORMAL))
    return f"is {phase.value} on {node}{_with_reason(waiting)}"


def _details(found: list[Container], claim: str) -> str:
    messages = [one_line(text_at(one.waiting, "message")) for one in found if _waiting(one) not in NORMAL]
    message = next(filter(None, messages), "")
    return f"{_with_reason(message)}{remedy(message or claim)}"


def remedy(message: str) -> str:
    """Return the advice for a missing object, to follow the message about it; '' for any other message."""
    advice = advise(MISSING, [message])
    return f"; {advice}" if advice else ""


def _with_reason(reason: str) -> str:
    return f": {reason}" if reason else ""


def scheduler_text(pod: Json) -> str:
    """Return why no node takes a Pod, '' if the scheduler has given no reason."""
    return PREEMPTION.sub("", one_line(scheduler_message(pod)))


def _waiting(container: Container) -> str:
    return one_line(text_at(container.waiting, "reason"))


def _end_reasons(pod: Json, found: list[Container]) -> str:
    reasons = [text_at(one.ended, "reason") for one in found if one.has_failed]
    reasons += [text_at(pod, "status", "reason"), text_at(true_conditions(pod).get("DisruptionTarget"), "reason")]
    return " ".join(dict.fromkeys(one_line(reason) for reason in reasons if reason not in ("", "Error")))


def _stamps(pod: Json, found: list[Container]) -> dict[str, str]:
    conditions = true_conditions(pod)
    starts = [text_at(one.ended, "startedAt") or text_at(one.status, "state", "running", "startedAt") for one in found]
    ends = [text_at(one.ended, "finishedAt") for one in found]
    stamps = {
        "created": text_at(pod, "metadata", "creationTimestamp"),
        "scheduled": text_at(conditions.get("PodScheduled"), "lastTransitionTime"),
        "pulling": text_at(conditions.get("PodReadyToStartContainers"), "lastTransitionTime"),
        "started": min(filter(None, starts), default=""),
        "ended": max(filter(None, ends), default="") if all(ends) else "",
    }
    return {name: one_line(stamp) for name, stamp in stamps.items() if stamp}
