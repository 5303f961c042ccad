"""Decides what submit-job does with an existing Job of its name. The functions have no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gke_jobs import exit_codes
from gke_jobs.json_access import Json
from gke_jobs.rendering.last_attempt import LastAttempt
from gke_jobs.submission.created import created_message
from gke_jobs.submission.facts import ENDED, FAILED, MAX_LOST_ATTEMPTS, SUCCEEDED, Facts


@dataclass(frozen=True, kw_only=True)
class Request:
    """The Job to submit.

    profile: '' for none
    cleared: the task runs because a user has cleared it, not as a retry
    replaces_running: a cleared task replaces a running Job of an earlier try
    try_number: the try of the task, 0 for none
    """

    name: str
    identity: str
    hash: str
    profile: str = ""
    is_manual: bool = False  # submitted from a shell, not for an Airflow task
    on_change: str = "fail"  # fail, attach or replace
    escalate: bool = False
    fallback: bool = False
    cleared: bool = False
    replaces_running: bool = False
    try_number: int = 0


@dataclass(frozen=True, kw_only=True)
class SubmitState:
    """The state of submit-job between its decisions.

    found: the uid of the Job that existed at the start, '' for none, None before the first read
    last_profile: the profile of the last existing Job that had one
    rendered: the uid of the existing Job for which the manifest was rendered again, and the requested profile before
    """

    found: str | None = None
    last_profile: str = ""
    rendered: tuple[str, str] | None = None


@dataclass(frozen=True)
class Create:
    """Create the Job: none exists."""


@dataclass(frozen=True)
class Attach:
    """Attach to this Job. creates_owned: also create the missing ones of the objects that it owns."""

    uid: str
    creates_owned: bool


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
    """Render the manifest again with the profile for the attempt after `last`; then decide again."""

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
    state: SubmitState
    messages: list[str] = field(default_factory=list)


def needs_pods(facts: Facts, request: Request) -> bool:
    """Whether the decision depends on the reason why the Pods of the Job ended."""
    return (request.escalate or request.fallback) and bool(facts.profile) and bool(facts.conditions & FAILED)


def decide(facts: Facts | None, request: Request, state: SubmitState) -> Decision:
    """Return what to do with the existing Job. facts: None for no Job."""
    if facts is None:
        state = _update(state, found=state.found if state.found is not None else "")
        return Decision(action=Create(), state=state)
    state = _update(
        state,
        found=state.found if state.found is not None else facts.uid,
        last_profile=facts.profile or state.last_profile,
    )
    if facts.identity != request.identity:
        advice = f"give another --name, or delete it with: delete-job --job {request.name}"
        message = f"Job {request.name} exists and belongs to another task: {advice}"
        return Decision(action=Refuse(exit_codes.DATA, message), state=state)
    messages: list[str] = []
    if request.cleared and (_is_finished_with(facts) or _is_superseded(facts, request)):
        messages += _restart_messages(facts, request)
    elif (request.escalate or request.fallback) and facts.profile:
        last = _last_attempt(facts, request)
        if state.rendered and state.rendered[0] == facts.uid:
            messages += _profile_messages(last, request.profile, state.rendered[1])
            state = _update(state, rendered=(facts.uid, request.profile))
        elif last.is_reason or facts.profile != request.profile:
            state = _update(state, rendered=(facts.uid, request.profile))
            return Decision(action=Render(last), state=state)
    if facts.deleting:
        messages.append(f"Job {request.name} is being deleted: waiting until it is removed")
        return Decision(action=Wait(facts.uid), state=state, messages=messages)
    action, more = _attach_or_replace(facts, request, existed_at_start=facts.uid == state.found)
    return Decision(action=action, state=state, messages=messages + more)


def created(uid: str, request: Request, namespace: str, state: SubmitState) -> Decision:
    """Return the decision after this submit-job has created the Job."""
    messages = []
    is_retry = (request.escalate or request.fallback) and not request.cleared and request.try_number > 1
    if is_retry and not state.last_profile:
        reason = "has no profile" if state.found else "no longer exists"
        messages.append(f"the Job of the last attempt {reason}: starting with profile {request.profile}")
    messages.append(created_message(request.name, namespace))
    return Decision(action=Attach(uid, creates_owned=True), state=state, messages=messages)


def _last_attempt(facts: Facts, request: Request) -> LastAttempt:
    failed = bool(facts.conditions & FAILED)
    return LastAttempt(
        profile=facts.profile,
        oom=request.escalate and failed and facts.oom_killed,
        unscheduled=facts.unscheduled if request.fallback else 0,
        lost=min(facts.lost_attempts + (failed and facts.lost), MAX_LOST_ATTEMPTS) if request.fallback else 0,
        escalate=request.escalate,
        fallback=request.fallback,
    )


def _is_finished_with(facts: Facts) -> bool:
    """Whether no later try attaches to the Job."""
    collected = "Complete" in facts.conditions and facts.collected
    return bool(facts.deleting or facts.conditions & FAILED or facts.unscheduled or collected)


def _is_superseded(facts: Facts, request: Request) -> bool:
    """Whether the Job of an earlier try still runs, and the cleared task must replace it."""
    return request.replaces_running and 0 < facts.try_number < request.try_number and not facts.conditions & SUCCEEDED


def _restart_messages(facts: Facts, request: Request) -> list[str]:
    if not (request.escalate or request.fallback) or facts.profile in ("", request.profile):
        return []
    return [f"the task was cleared: starting with profile {request.profile}, not {facts.profile} of the last attempt"]


def _profile_messages(last: LastAttempt, now: str, before: str) -> list[str]:
    """Return the messages about the new profile; none if they were logged before, when `before` equals `now`."""
    outcome, is_kept = ", and ".join(_attempt_outcomes(last)), now == last.profile
    if now == before and not (outcome and is_kept):
        return []
    if not is_kept:
        return [f"the last attempt {outcome}: using {now}"]
    missing = [*(["larger profile"] if last.oom else []), *(["fallback"] if last.unscheduled else [])]
    without = f", which has no {' and no '.join(missing)}" if missing else ""
    return [f"the last attempt {outcome or f'had profile {now}'}{without}: keeping the profile"]


def _attempt_outcomes(last: LastAttempt) -> list[str]:
    outcomes = [f"was OOMKilled with profile {last.profile}"] if last.oom else []
    if last.unscheduled:
        outcomes += [f"got no nodes within {last.unscheduled} s with profile {last.profile}"]
    if last.lost:
        attempts = "1 attempt was" if last.lost == 1 else f"{last.lost} attempts were"
        outcomes += [f"had profile {last.profile}, with which {attempts} lost to preemption"]
    return outcomes


def _attach_or_replace(facts: Facts, request: Request, *, existed_at_start: bool) -> tuple[Action, list[str]]:
    name, same = request.name, facts.hash == request.hash
    attach = Attach(facts.uid, creates_owned=same and "Complete" not in facts.conditions)
    change = f"from another manifest ({_valid_hash(facts.hash)}, now {request.hash})"
    if facts.conditions & SUCCEEDED and not same:
        if existed_at_start:
            keep = "; to keep it, give another --name" if request.is_manual else ""
            return Replace(facts.uid), [f"replacing Job {name}: it is complete, but {change}{keep}"]
        message = f"Job {name} was created by a concurrent run {change} and has succeeded: run again"
        return Refuse(exit_codes.DATA, message), []
    if not existed_at_start and same and facts.conditions & ENDED:
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
    parallel = "give another --name to run both Jobs, " if request.is_manual else ""
    advice = f"wait for it, {parallel}give --on-change attach or replace, or delete it with: delete-job --job {name}"
    return Refuse(exit_codes.DATA, f"Job {name} is still running, {change}: {advice}"), []


def _valid_hash(hash_of_other: str) -> str:
    return hash_of_other if re.fullmatch("[0-9a-f]{1,64}", hash_of_other) else "unknown"


def _update(state: SubmitState, **changes: Json) -> SubmitState:
    return SubmitState(**(vars(state) | changes))
