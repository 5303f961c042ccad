"""Decides what a submit does about an existing Job of its name: facts and a request to an action, without I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gke_jobs import exit_codes
from gke_jobs.json_access import Json
from gke_jobs.rendering.last_attempt import LastAttempt
from gke_jobs.submission.created import created_message
from gke_jobs.submission.facts import ENDED, FAILED, MOST_LOST, SUCCEEDED, Facts


@dataclass(frozen=True, kw_only=True)
class Request:
    """The request to submit.

    profile: '' for none; cleared: the task runs because a user cleared it, not as a retry
    replaces_running: if cleared, replace a running Job of an earlier try; try_number: of the task, 0 for none
    """

    name: str
    identity: str
    hash: str
    profile: str = ""
    is_manual: bool = False  # not for a task of Airflow: the default name consists of template and user
    on_change: str = "fail"  # fail, attach or replace
    escalate: bool = False
    fallback: bool = False
    cleared: bool = False
    replaces_running: bool = False
    try_number: int = 0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The state of a submit.

    found: uid of the Job that existed at first, '' for none, None before the first read
    last_profile: of the last Job that had one
    rendered: (uid, profile asked for before) of the Job after which the manifest was rendered again
    """

    found: str | None = None
    last_profile: str = ""
    rendered: tuple[str, str] | None = None


@dataclass(frozen=True)
class Create:
    """Create the Job: none exists."""


@dataclass(frozen=True)
class Attach:
    """Attach to this Job; `complete_owned`: create missing objects that it owns."""

    uid: str
    complete_owned: bool


@dataclass(frozen=True)
class Replace:
    """Delete this Job, then decide again."""

    uid: str


@dataclass(frozen=True)
class Wait:
    """Wait until this Job, which is being deleted, is removed; then decide again."""

    uid: str


@dataclass(frozen=True)
class Render:
    """Render with the profile that follows that of the last attempt; then decide again."""

    last: LastAttempt


@dataclass(frozen=True)
class Refuse:
    """End the script with an error."""

    status: int
    message: str


Action = Create | Attach | Replace | Wait | Render | Refuse


@dataclass(frozen=True, kw_only=True)
class Decision:
    """An action, the messages to log before it, and the new state."""

    action: Action
    memory: Memory
    messages: list[str] = field(default_factory=list)


def needs_pods(facts: Facts, request: Request) -> bool:
    """Whether the decision depends on how the Pods of the Job ended."""
    return (request.escalate or request.fallback) and bool(facts.profile) and bool(facts.conditions & FAILED)


def decide(facts: Facts | None, request: Request, memory: Memory) -> Decision:
    """Return what to do about the existing Job. facts: None for no Job."""
    if facts is None:
        memory = _update(memory, found=memory.found if memory.found is not None else "")
        return Decision(action=Create(), memory=memory)
    memory = _update(
        memory,
        found=memory.found if memory.found is not None else facts.uid,
        last_profile=facts.profile or memory.last_profile,
    )
    if facts.identity != request.identity:
        advice = f"give another --name, or: delete-job --job {request.name}"
        message = f"Job {request.name} exists and belongs to another task: {advice}"
        return Decision(action=Refuse(exit_codes.DATA, message), memory=memory)
    messages: list[str] = []
    if request.cleared and (_is_over(facts) or _is_superseded(facts, request)):
        messages += _restart_messages(facts, request)
    elif (request.escalate or request.fallback) and facts.profile:
        last = _last_attempt(facts, request)
        if memory.rendered and memory.rendered[0] == facts.uid:
            messages += _profile_messages(last, request.profile, memory.rendered[1])
            memory = _update(memory, rendered=(facts.uid, request.profile))
        elif last.is_reason or facts.profile != request.profile:
            memory = _update(memory, rendered=(facts.uid, request.profile))
            return Decision(action=Render(last), memory=memory)
    if facts.deleting:
        messages.append(f"Job {request.name} is being deleted: waiting until it is removed")
        return Decision(action=Wait(facts.uid), memory=memory, messages=messages)
    action, more = _attach_or_replace(facts, request, was_there=facts.uid == memory.found)
    return Decision(action=action, memory=memory, messages=messages + more)


def created(uid: str, request: Request, namespace: str, memory: Memory) -> Decision:
    """Return the decision after this submit has created the Job."""
    messages = []
    follows = (request.escalate or request.fallback) and not request.cleared and request.try_number > 1
    if follows and not memory.last_profile:
        what = "the Job of the last attempt does not name its profile"
        if not memory.found:
            what = "the Job of the last attempt no longer exists"
        messages.append(f"{what}: starting with profile {request.profile}")
    messages.append(created_message(request.name, namespace))
    return Decision(action=Attach(uid, complete_owned=True), memory=memory, messages=messages)


def _last_attempt(facts: Facts, request: Request) -> LastAttempt:
    failed = bool(facts.conditions & FAILED)
    return LastAttempt(
        profile=facts.profile,
        oom=request.escalate and failed and facts.oom_killed,
        unscheduled=facts.unscheduled if request.fallback else 0,
        lost=min(facts.lost_attempts + (failed and facts.lost), MOST_LOST) if request.fallback else 0,
        escalate=request.escalate,
        fallback=request.fallback,
    )


def _is_over(facts: Facts) -> bool:
    """Whether the Job is of no use to a later attempt."""
    collected = "Complete" in facts.conditions and facts.collected
    return bool(facts.deleting or facts.conditions & FAILED or facts.unscheduled or collected)


def _is_superseded(facts: Facts, request: Request) -> bool:
    """Whether the Job is that of an earlier try that still runs, and the task was cleared to start anew."""
    return request.replaces_running and 0 < facts.try_number < request.try_number and not facts.conditions & SUCCEEDED


def _restart_messages(facts: Facts, request: Request) -> list[str]:
    if not (request.escalate or request.fallback) or facts.profile in ("", request.profile):
        return []
    return [f"the task was cleared: starting with profile {request.profile}, not {facts.profile} of the last attempt"]


def _profile_messages(last: LastAttempt, now: str, before: str) -> list[str]:
    """Return the messages about the rendered profile; none the second time, when `before` is `now`."""
    how, stays = ", and ".join(_attempt_outcomes(last)), now == last.profile
    if now == before and not (how and stays):
        return []
    if not stays:
        return [f"the last attempt {how}: using {now}"]
    missing = [*(["larger profile"] if last.oom else []), *(["fallback"] if last.unscheduled else [])]
    without = f", which has no {' and no '.join(missing)}" if missing else ""
    return [f"the last attempt {how or f'had profile {now}'}{without}: keeping the profile"]


def _attempt_outcomes(last: LastAttempt) -> list[str]:
    how = [f"was OOMKilled with profile {last.profile}"] if last.oom else []
    if last.unscheduled:
        how += [f"got no nodes within {last.unscheduled} s with profile {last.profile}"]
    if last.lost:
        attempts = "1 attempt was" if last.lost == 1 else f"{last.lost} attempts were"
        how += [f"had profile {last.profile}, with which {attempts} lost to preemption"]
    return how


def _attach_or_replace(facts: Facts, request: Request, *, was_there: bool) -> tuple[Action, list[str]]:
    name, same = request.name, facts.hash == request.hash
    attach = Attach(facts.uid, complete_owned=same and "Complete" not in facts.conditions)
    change = f"from another manifest ({_word(facts.hash)}, now {request.hash})"
    if facts.conditions & SUCCEEDED and not same:
        if was_there:
            keep = "; --name NAME keeps it and runs another Job" if request.is_manual else ""
            return Replace(facts.uid), [f"replacing Job {name}: it is complete, but {change}{keep}"]
        message = f"Job {name} was created by a concurrent run {change} and has ended: run again"
        return Refuse(exit_codes.DATA, message), []
    if not was_there and same and facts.conditions & ENDED:
        return attach, [f"attaching to Job {name}: it was created by a concurrent run and has already ended"]
    if facts.conditions & FAILED or facts.unscheduled:
        return Replace(facts.uid), [f"replacing Job {name}: it failed"]
    if "Complete" in facts.conditions:
        if facts.collected:
            return Replace(facts.uid), [f"replacing Job {name}: it is complete, and its result was collected"]
        return attach, [f"attaching to Job {name}: it is complete and its result was not collected"]
    if _is_superseded(facts, request):
        return Replace(facts.uid), [f"replacing Job {name} of try {facts.try_number}: the task was cleared"]
    if same:
        return attach, [f"attaching to Job {name}: it is still running"]
    if request.on_change == "attach":
        return attach, [f"attaching to Job {name}: it is still running, {change}"]
    if request.on_change == "replace":
        return Replace(facts.uid), [f"replacing Job {name}: it is still running, {change}"]
    beside = "give --name NAME to run another Job in parallel, " if request.is_manual else ""
    advice = f"wait for it, {beside}give --on-change attach or replace, or: delete-job --job {name}"
    return Refuse(exit_codes.DATA, f"Job {name} is still running, {change}: {advice}"), []


def _word(hash_of_other: str) -> str:
    return hash_of_other if re.fullmatch("[0-9a-f]{1,64}", hash_of_other) else "unknown"


def _update(memory: Memory, **changes: Json) -> Memory:
    return Memory(**(vars(memory) | changes))
