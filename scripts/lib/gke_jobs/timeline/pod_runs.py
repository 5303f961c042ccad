"""The data of a Pod for the record, from its JSON: the times are those of conditions and containers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gke_jobs.containers import Container, containers, main_container
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods import phase_of, was_deleted_first
from gke_jobs.json_access import Json, dict_at, int_at, list_at, text_at, true_conditions
from gke_jobs.labels import COMPLETION_INDEX, SPOT
from gke_jobs.plain_text import one_line, parse_time
from gke_jobs.timeline.record import Outcome, PodRun

OOM = "OOMKilled"
# The reasons of a condition DisruptionTarget if a spot node is reclaimed.
NODE_GONE = {"DeletionByTaintManager", "DeletionByPodGC", "TerminationByKubelet"}
PREEMPTED = "PreemptionByScheduler"
NEVER = 0.0  # 1970, the start time that Kubernetes reports for a container that could not be started
DOING = {
    Phase.WAITING: Outcome.WAITING,
    Phase.STARTING: Outcome.STARTING,
    Phase.STUCK: Outcome.STUCK,
    Phase.RUNNING: Outcome.RUNNING,
    Phase.RESTARTING: Outcome.RUNNING,
    Phase.SUCCEEDED: Outcome.SUCCEEDED,
    Phase.UNKNOWN: Outcome.LOST,
}


def seconds_of(stamp: Json) -> float | None:
    """Return a time of the API in seconds since the epoch, None if invalid."""
    time = parse_time(stamp)
    return time.timestamp() if time else None


def pod_run(pod: Json, before: PodRun | None = None, *, is_removed: bool = False) -> PodRun:
    """Return the data of a Pod. before: the former data: a time that was seen once stays."""
    found = containers(pod)
    conditions = true_conditions(pod)
    outcome, reason = _outcome(pod, found)
    if outcome is Outcome.FAILED and before and before.outcome is Outcome.REMOVED:
        outcome, reason = before.outcome, before.reason  # see was_deleted_first
    if is_removed and not outcome.is_over:
        outcome, reason = _removed(conditions.get("DisruptionTarget"), is_spot=_is_spot(pod))
    program = next((one for one in found if one.name == main_container(pod) and one.kind != "init container"), None)
    starts = [_started(one) for one in found]
    times: dict[str, Any] = {
        "created": seconds_of(text_at(pod, "metadata", "creationTimestamp")),
        "scheduled": seconds_of(text_at(conditions.get("PodScheduled"), "lastTransitionTime")),
        "prepared": seconds_of(text_at(conditions.get("PodReadyToStartContainers"), "lastTransitionTime")),
        "started": min((start for start in starts if start is not None), default=None),
        "ended": _ended(pod, found) if outcome.is_over else None,
    }
    run = PodRun(
        uid=text_at(pod, "metadata", "uid"),
        name=one_line(text_at(pod, "metadata", "name")),
        index=one_line(text_at(dict_at(pod, "metadata", "annotations"), COMPLETION_INDEX)),
        node=one_line(text_at(pod, "spec", "nodeName")),
        spot=_is_spot(pod),
        outcome=outcome,
        reason=reason,
        exit_code=int_at(program.ended, "exitCode") if program and program.ended else None,
        restarts=sum(max(0, int_at(one.status, "restartCount")) for one in found),
        **times,
    )
    return _with_ooms(_merged(run, before), before, found)


def _merged(run: PodRun, before: PodRun | None) -> PodRun:
    if before is None:
        return run
    # A restart changes the start time of the container, and a condition that was true may be false at the end.
    kept = {name: getattr(before, name) for name in ("created", "scheduled", "prepared", "started")}
    return replace(run, **{name: time for name, time in kept.items() if time is not None}, node=run.node or before.node)


def _with_ooms(run: PodRun, before: PodRun | None, found: list[Container]) -> PodRun:
    ends = [end for one in found for end in (one.ended_before, one.ended) if text_at(end, "reason") == OOM]
    last = before.last_oom if before else ""
    stamps = sorted({one_line(text_at(end, "finishedAt")) for end in ends})
    new = [stamp for stamp in stamps if stamp > last] or ([""] if ends and not (before and before.oom_kills) else [])
    kills = (before.oom_kills if before else 0) + len(new)
    return replace(run, oom_kills=kills, last_oom=max([last, *new]))


def _outcome(pod: Json, found: list[Container]) -> tuple[Outcome, str]:
    phase = phase_of(pod)
    if phase is Phase.FAILED:
        return _failure(pod, found)
    waiting = next((reason for one in found if (reason := one_line(text_at(one.waiting, "reason")))), "")
    is_trouble = phase is Phase.STUCK or (phase in (Phase.RUNNING, Phase.RESTARTING) and waiting == "CrashLoopBackOff")
    return DOING[phase], waiting if is_trouble else ""


def _failure(pod: Json, found: list[Container]) -> tuple[Outcome, str]:
    failed = [one for one in found if one.has_failed]
    disruption = true_conditions(pod).get("DisruptionTarget")
    since = seconds_of(text_at(disruption, "lastTransitionTime"))
    ends = [end for one in failed if (end := seconds_of(text_at(one.ended, "finishedAt"))) is not None]
    if disruption and not (since is not None and ends and min(ends) < since):
        return _removed(disruption, is_spot=_is_spot(pod))
    reasons = [one_line(text_at(one.ended, "reason")) for one in failed]
    if OOM in reasons:
        return Outcome.OUT_OF_MEMORY, OOM
    if text_at(pod, "status", "reason") == "Evicted":
        return Outcome.EVICTED, "Evicted"
    if was_deleted_first(pod):
        return Outcome.REMOVED, ""
    known = [reason for reason in reasons if reason not in ("", "Error")]
    return Outcome.FAILED, next(iter(known), one_line(text_at(pod, "status", "reason")))


def _removed(disruption: Json, *, is_spot: bool) -> tuple[Outcome, str]:
    reason = one_line(text_at(disruption, "reason"))
    if reason == PREEMPTED or (is_spot and reason in NODE_GONE):
        return Outcome.PREEMPTED, reason
    return (Outcome.EVICTED if reason else Outcome.REMOVED), reason


def _started(container: Container) -> float | None:
    if container.kind == "init container":
        return None
    states = (container.ended_before, container.ended, dict_at(container.status, "state", "running"))
    return min((time for state in states if (time := _start_of(state)) is not None), default=None)


def _start_of(state: Json) -> float | None:
    """Return when a container started, or when the start was tried if it failed."""
    start = seconds_of(text_at(state, "startedAt"))
    return seconds_of(text_at(state, "finishedAt")) if start == NEVER else start


def _ended(pod: Json, found: list[Container]) -> float | None:
    ends = [end for one in found if (end := seconds_of(text_at(one.ended, "finishedAt"))) is not None]
    if ends:
        return max(ends)
    stamps = {
        (text_at(one, "type"), text_at(one, "status")): text_at(one, "lastTransitionTime")
        for one in list_at(pod, "status", "conditions")
    }
    return seconds_of(stamps.get(("DisruptionTarget", "True")) or stamps.get(("Ready", "False")))


def _is_spot(pod: Json) -> bool:
    required = dict_at(pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    return text_at(dict_at(pod, "spec", "nodeSelector"), SPOT) == "true" or any(
        text_at(term, "key") == SPOT and text_at(term, "operator") == "In" and list_at(term, "values") == ["true"]
        for one in list_at(required, "nodeSelectorTerms")
        for term in list_at(one, "matchExpressions")
    )
