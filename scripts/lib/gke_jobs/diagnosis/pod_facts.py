"""The facts from the API that explain why one Pod failed or does not run, as lines of text."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from gke_jobs.containers import Container, containers, main_container
from gke_jobs.event_times import BEGINNING
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods import CRASHES, phase_of
from gke_jobs.json_access import Json, dict_at, int_at, list_at, text_at, true_conditions
from gke_jobs.labels import SPOT
from gke_jobs.plain_text import one_line, parse_time

LOGS = 5  # of one Pod
REQUIREMENTS = 20  # resources, or labels of the node, of one Pod
# Reasons of an end whose message is not from the container, and that leave no log.
RUNTIME_ERRORS = {"StartError", "ContainerCannotRun", "ContainerStatusUnknown"}
STARTING = {"ContainerCreating", "PodInitializing"}  # reasons to wait that are normal
# The scheduler adds this to nearly every message; it does not help users.
PREEMPTION = re.compile(r"( no new claims to deallocate,)? preemption: .*")
NODE_LOST = {"DeletionByTaintManager", "DeletionByPodGC", "TerminationByKubelet"}
# Who disrupted the Pod, by the reason of its condition DisruptionTarget.
DISRUPTIONS = {
    "PreemptionByScheduler": "preempted by a Pod of higher priority",
    "DeletionByTaintManager": "evicted, because its node was tainted: it is not ready or unreachable, or an "
    "administrator tainted it",
    "EvictionByEvictionAPI": "evicted through the API, as by a drain, an upgrade or a scale-down of its node",
    "DeletionByPodGC": "removed, because its node no longer exists",
    "TerminationByKubelet": "terminated by its node, which shut down or was short of a resource",
}
END = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts about one Pod; `of_containers` has a list for each container, the cause of a failure first."""

    of_pod: list[str]
    of_node: list[str]  # the message of the scheduler, and the requirements of the Pod for its node
    of_containers: list[list[str]]
    program_first: bool  # a container had failed before the Pod was disrupted
    began: datetime  # when the container that failed first had started; BEGINNING if none failed

    @property
    def lines(self) -> list[str]:
        """All facts, the cause first."""
        ends = [line for found in self.of_containers for line in found]
        return [*ends, *self.of_pod] if self.program_first else [*self.of_pod, *self.of_node, *ends]


def pod_name(pod: Json) -> str:
    """Return the sanitized name of a Pod."""
    return one_line(text_at(pod, "metadata", "name")) or "without a name"


def facts(pod: Json) -> Facts:
    """Return the facts that explain why a Pod failed or does not run."""
    of_pod, of_node = [], []
    spec = dict_at(pod, "spec")
    conditions, troubled = true_conditions(pod), _by_cause(pod)
    if reason := one_line(text_at(pod, "status", "reason")):
        of_pod.append(f"{reason}: {one_line(text_at(pod, 'status', 'message'))}")
    disruption = conditions.get("DisruptionTarget")
    if disruption:
        reason = one_line(text_at(disruption, "reason"))
        message = one_line(text_at(disruption, "message"))
        of_pod.append(f"{DISRUPTIONS.get(reason, 'disrupted')} ({reason}: {message})")
        if reason in NODE_LOST and text_at(dict_at(spec, "nodeSelector"), SPOT) == "true":
            of_pod.append("it was on a spot node")
    for condition in list_at(pod, "status", "conditions"):
        if text_at(condition, "type") == "PodScheduled" and text_at(condition, "status") == "False":
            message = scheduler_text(one_line(text_at(condition, "message")))
            of_node.append(f"{one_line(text_at(condition, 'reason'))}: {message}")
            of_node += _requirements(spec)
    since = parse_time(text_at(disruption, "lastTransitionTime"))
    first = _end_time(troubled[0]) if troubled and troubled[0].has_failed else END
    return Facts(
        of_pod=of_pod,
        of_node=of_node,
        of_containers=[found for one in troubled if (found := _container_facts(one))],
        program_first=bool(since and first < since),
        began=_start_time(troubled[0]) if troubled and troubled[0].has_failed else BEGINNING,
    )


def scheduler_text(message: str) -> str:
    """Return why no node takes a Pod, without the scheduler's words about preemption."""
    return PREEMPTION.sub("", message)


def messages(pod: Json) -> list[str]:
    """Return what failed containers left in their termination message, as lines of text."""
    left = []
    for container in _by_cause(pod):
        ended = container.ended or container.ended_before
        # The end of the log is shown separately.
        fallback = text_at(container.spec, "terminationMessagePolicy") == "FallbackToLogsOnError"
        message = one_line(text_at(ended, "message"))
        if int_at(ended, "exitCode") and message and text_at(ended, "reason") not in RUNTIME_ERRORS and not fallback:
            left.append(f"{_title(container)} left the message: {message}")
    return left


def logs_to_read(pod: Json) -> list[tuple[str, bool]]:
    """Return (container, whether before its restart) for containers that failed; if none failed, for those that run."""
    failed, others = [], []
    for container in _by_cause(pod):
        if container.has_failed:
            if text_at(container.ended, "reason") not in RUNTIME_ERRORS:
                failed.append((container.name, False))
        elif container.ended_before:
            failed.append((container.name, True))
        elif container.is_running:
            others.append((container.name, False))
    return (failed or others)[:LOGS]


def first_start(pod: Json) -> datetime | None:
    """Return when the first container started, or when its volumes and network were ready; None if they are not."""
    stamps = [text_at(true_conditions(pod).get("PodReadyToStartContainers"), "lastTransitionTime")]
    for one in containers(pod):
        # A container that could not be started has a start time in 1970.
        stamps += [text_at(end, key) for end in (one.ended_before, one.ended) for key in ("startedAt", "finishedAt")]
        stamps.append(text_at(one.status, "state", "running", "startedAt"))
    return min((time for stamp in stamps if (time := parse_time(stamp)) and time.year > 1970), default=None)


def last_change(pod: Json) -> datetime | None:
    """Return when the Pod's last container ended, else when the Pod was created."""
    ends = [end for one in containers(pod) if (end := parse_time(one.ended.get("finishedAt")))]
    return max(ends) if ends else parse_time(text_at(pod, "metadata", "creationTimestamp"))


def _by_cause(pod: Json) -> list[Container]:
    """Return the containers that have a status, the cause of the present state first.

    Sidecars come last, because their end is never the cause: they are stopped after the program has ended. Containers
    that failed come first, in the order of time. Kubernetes reports whole seconds, so the program precedes its helpers.
    """
    program, found = main_container(pod), [one for one in containers(pod) if one.status]
    if phase_of(pod) is Phase.STUCK:
        return found
    return sorted(
        found,
        key=lambda one: (
            one.kind == "sidecar",
            not one.has_failed,
            _end_time(one) if one.has_failed else BEGINNING,
            one.name != program,
        ),
    )


def _end_time(container: Container) -> datetime:
    return parse_time(container.ended.get("finishedAt")) or END


def _start_time(container: Container) -> datetime:
    return parse_time(container.ended.get("startedAt")) or BEGINNING


def _requirements(spec: Json) -> list[str]:
    """Return the requirements of the Pod for its node, as text."""
    wanted = [
        one_line(f"{resource} {amount}")
        for container in list_at(spec, "containers")
        for resource, amount in dict_at(container, "resources", "requests").items()
    ][:REQUIREMENTS]
    labels = [one_line(f"{key}={value}") for key, value in dict_at(spec, "nodeSelector").items()][:REQUIREMENTS]
    found = ["it requests " + ", ".join(wanted)] if wanted else []
    which = "the label" if len(labels) == 1 else "all of the labels"
    return found + ([f"its node must have {which} " + ", ".join(labels)] if labels else [])


def _title(container: Container) -> str:
    return f"{container.kind} {one_line(container.name)}"


def _container_facts(container: Container) -> list[str]:
    """Return what happened to a container, latest first. CrashLoopBackOff comes last: it is no cause."""
    ends = [f"{_title(container)}: {_end(container, container.ended)}"] if container.has_failed else []
    waits, restarts = list(_waits(container)), list(_restarts(container))
    crashes = text_at(container.waiting, "reason") == CRASHES
    return [*ends, *restarts, *waits] if crashes else [*ends, *waits, *restarts]


def _waits(container: Container) -> Iterator[str]:
    reason = one_line(text_at(container.waiting, "reason"))
    if container.waiting and reason not in STARTING:
        message, image = one_line(text_at(container.waiting, "message")), one_line(text_at(container.spec, "image"))
        of = f" of {image}" if "Image" in reason and image not in message else ""
        yield f"{_title(container)}: {reason}{of}: {message}"


def _restarts(container: Container) -> Iterator[str]:
    if container.ended_before:
        restarts = int_at(container.status, "restartCount")
        yield f"{_title(container)}: restarted, {restarts} so far; before: {_end(container, container.ended_before)}"


def _end(container: Container, ended: Json) -> str:
    reason, code = one_line(text_at(ended, "reason")) or "Error", int_at(ended, "exitCode")
    number = int_at(ended, "signal") or code - 128
    text = "" if reason in ("Error", "Completed") else f"{reason}, "
    text += f"exit code {code}"
    if reason not in RUNTIME_ERRORS and number in set(signal.Signals):
        text += f" ({signal.Signals(number).name})"
    if reason == "OOMKilled":
        limit = one_line(text_at(container.spec, "resources", "limits", "memory"))
        text += f", memory limit {limit}" if limit else ", no memory limit: its node ran out of memory"
    return f"{text}: {one_line(text_at(ended, 'message'))}" if reason in RUNTIME_ERRORS else text
