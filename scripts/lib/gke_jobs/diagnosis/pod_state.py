"""What the API says about one Pod: which stage it is in, and each fact that tells why, as a line of text."""

from __future__ import annotations

import re
import signal
from datetime import datetime
from typing import Any

from gke_jobs.plain_text import one_line, parse_time

Json = Any  # what json.loads makes

INDEX = "batch.kubernetes.io/job-completion-index"
SPOT = "cloud.google.com/gke-spot"
# Reasons to have ended whose message is not the container's own, and that leave no log.
RUNTIME_ERRORS = {"StartError", "ContainerCannotRun", "ContainerStatusUnknown"}
STARTING = {"ContainerCreating", "PodInitializing"}  # reasons to wait that are normal
# What the scheduler adds to nearly every message, and which helps nobody.
PREEMPTION = re.compile(r"( no new claims to deallocate,)? preemption: .*")
NODE_LOST = {"DeletionByTaintManager", "DeletionByPodGC", "TerminationByKubelet"}
# Who disrupted the Pod, by the reason of its condition DisruptionTarget.
DISRUPTIONS = {
    "PreemptionByScheduler": "preempted by a Pod of higher priority",
    "DeletionByTaintManager": "evicted, because its node was tainted: not ready, unreachable, or by somebody",
    "EvictionByEvictionAPI": "evicted through the API, as by a drain, an upgrade or a scale-down of its node",
    "DeletionByPodGC": "removed, because its node is gone",
    "TerminationByKubelet": "ended by its node, which shut down or ran short of a resource",
}


def stage(pod: Json) -> str:
    """Tell what the Pod does, in a word or a few."""
    phase, states = pod["status"].get("phase", "Unknown"), [state for _, _, state in containers(pod)]
    if pod["metadata"].get("deletionTimestamp"):
        return "being deleted"
    if phase == "Failed":
        return "failed"
    if phase == "Pending" and not pod["spec"].get("nodeName"):
        return "waiting for a node"
    if any(_trouble(state) for state in states):
        return "unable to start" if phase == "Pending" else "restarting"
    return {"Pending": "starting", "Running": "running", "Succeeded": "succeeded"}.get(phase, f"in phase {phase}")


def containers(pod: Json) -> list[tuple[str, Json, Json]]:
    """Return (kind, spec, status) of each container that has a status, in the order in which they run."""
    found = []
    for kind, specs, statuses in (
        ("init container", "initContainers", "initContainerStatuses"),
        ("container", "containers", "containerStatuses"),
    ):
        by_name = {status["name"]: status for status in pod["status"].get(statuses, [])}
        found += [(kind, spec, by_name[spec["name"]]) for spec in pod["spec"].get(specs, []) if spec["name"] in by_name]
    return found


def facts(pod: Json) -> list[str]:
    """Tell why the Pod failed, or does not run: a line for each fact that is known, the most general first."""
    status = pod["status"]
    found = []
    if status.get("reason"):
        found.append(f"{status['reason']}: {one_line(status.get('message', ''))}")
    for condition in status.get("conditions", []):
        kind, reason, message = condition["type"], condition.get("reason", ""), one_line(condition.get("message", ""))
        if kind == "DisruptionTarget" and condition["status"] == "True":
            found.append(f"{DISRUPTIONS.get(reason, 'disrupted')} ({reason}: {message})")
            if reason in NODE_LOST and pod["spec"].get("nodeSelector", {}).get(SPOT) == "true":
                found.append("it was on a spot node")
        if kind == "PodScheduled" and condition["status"] == "False":
            found.append(f"{reason}: {scheduler_words(message)}")
            found += _wishes(pod["spec"])
    return found + [line for container in containers(pod) for line in _container_facts(*container)]


def scheduler_words(message: str) -> str:
    """Return why no node takes a Pod, without what the scheduler says about preemption."""
    return PREEMPTION.sub("", message)


def messages(pod: Json) -> list[str]:
    """Return what failed containers left in their termination message, as lines of text."""
    left = []
    for kind, spec, status in containers(pod):
        ended = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated") or {}
        fallback = spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"  # the end of the log, shown anyway
        if (
            ended.get("exitCode")
            and ended.get("message")
            and ended.get("reason") not in RUNTIME_ERRORS
            and not fallback
        ):
            left.append(f"{kind} {spec['name']} left the message: {one_line(ended['message'])}")
    return left


def _wishes(spec: Json) -> list[str]:
    """Tell what the Pod wants of a node."""
    wanted = [
        f"{resource} {amount}"
        for container in spec["containers"]
        for resource, amount in container.get("resources", {}).get("requests", {}).items()
    ]
    labels = [f"{key}={value}" for key, value in spec.get("nodeSelector", {}).items()]
    found = ["it requests " + ", ".join(wanted)] if wanted else []
    return found + (["its node must have the label " + ", ".join(labels)] if labels else [])


def _container_facts(kind: str, spec: Json, status: Json) -> list[str]:
    name, state, last = f"{kind} {spec['name']}", status.get("state", {}), status.get("lastState", {})
    waiting, restarts = state.get("waiting", {}), status.get("restartCount", 0)
    found = []
    if state.get("terminated", {}).get("exitCode"):
        found.append(f"{name}: {_end(spec, state['terminated'])}")
    if waiting and waiting.get("reason") not in STARTING:
        found.append(f"{name}: {waiting.get('reason')}: {one_line(waiting.get('message', ''))}")
    if last.get("terminated"):
        found.append(f"{name}: restarted, {restarts} so far; before: {_end(spec, last['terminated'])}")
    return found


def _end(spec: Json, ended: Json) -> str:
    reason, code = ended.get("reason", "Error"), ended["exitCode"]
    number = ended.get("signal") or code - 128
    text = "" if reason in ("Error", "Completed") else f"{reason}, "
    text += f"exit code {code}"
    if reason not in RUNTIME_ERRORS and number in set(signal.Signals):
        text += f" ({signal.Signals(number).name})"
    if reason == "OOMKilled":
        limit = spec.get("resources", {}).get("limits", {}).get("memory")
        text += f", memory limit {limit}" if limit else ", no memory limit: its node ran out of memory"
    return f"{text}: {one_line(ended.get('message', ''))}" if reason in RUNTIME_ERRORS else text


def _trouble(status: Json) -> bool:
    waiting = status.get("state", {}).get("waiting", {}).get("reason")
    return bool(waiting and waiting not in STARTING) or bool(status.get("lastState", {}).get("terminated"))


def logs_to_read(pod: Json) -> list[tuple[str, str]]:
    """Return (container, option of kubectl logs) for those that failed; if none did, for those that run or have run."""
    failed, others = [], []
    for _, spec, status in containers(pod):
        state, last = status.get("state", {}), status.get("lastState", {})
        if state.get("terminated", {}).get("exitCode"):
            if state["terminated"].get("reason") not in RUNTIME_ERRORS:
                failed.append((spec["name"], ""))
        elif last.get("terminated"):
            failed.append((spec["name"], "--previous"))
        elif "running" in state:
            others.append((spec["name"], ""))
    return failed or others


def last_change(pod: Json) -> datetime:
    """Return when the Pod's last container ended, else when the Pod was made."""
    ends = [status.get("state", {}).get("terminated", {}).get("finishedAt") for _, _, status in containers(pod)]
    return max(parse_time(end) for end in [*filter(None, ends)] or [pod["metadata"]["creationTimestamp"]])
