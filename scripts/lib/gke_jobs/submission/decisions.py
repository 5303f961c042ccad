"""What a submit does about the Job that has its name. No I/O: facts and a request go in, an action comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gke_jobs import exit_codes, labels
from gke_jobs.json_access import Json, at, is_owned_by, list_at, text_at, true_conditions
from gke_jobs.submission.created import created_message

PROFILE = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*")  # rendering/profiles.py
FAILED = frozenset({"Failed", "FailureTarget"})
SUCCEEDED = frozenset({"Complete", "SuccessCriteriaMet"})
ENDED = FAILED | {"Complete"}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The Job that is there. Its texts are whatever its creator wrote."""

    uid: str
    identity: str = ""
    hash: str = ""
    profile: str = ""  # '' also for what is no name of a profile
    collected: bool = False
    deleting: bool = False
    conditions: frozenset[str] = frozenset()  # those that are True
    oom_killed: bool = False  # a container of one of its Pods


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be submitted. profile: '' for none."""

    name: str
    identity: str
    hash: str
    profile: str = ""
    on_change: str = "fail"  # fail, attach or replace
    escalate: bool = False


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What the submit has seen so far.

    found: uid of the Job that was there at first, '' for none, None before the first look
    last_profile: of the last Job that had one
    escalated: (uid, profile asked for before) of the Job for which the manifest was rendered anew
    """

    found: str | None = None
    last_profile: str = ""
    escalated: tuple[str, str] | None = None


@dataclass(frozen=True)
class Create:
    """There is none: create it."""


@dataclass(frozen=True)
class Attach:
    """Take this Job; `complete_owned`: create what it owns, as far as that is missing."""

    uid: str
    complete_owned: bool


@dataclass(frozen=True)
class Replace:
    """Delete this Job, then look again."""

    uid: str


@dataclass(frozen=True)
class Wait:
    """It is being deleted: wait until it is gone, then look again."""

    uid: str


@dataclass(frozen=True)
class Render:
    """Render for the profile that comes after that of the last attempt; `oom`: for a larger one. Then look again."""

    profile: str
    oom: bool


@dataclass(frozen=True)
class Refuse:
    """End the script."""

    status: int
    message: str


Action = Create | Attach | Replace | Wait | Render | Refuse


@dataclass(frozen=True, kw_only=True)
class Decision:
    """An action, what to log before it, and what to remember."""

    action: Action
    memory: Memory
    messages: list[str] = field(default_factory=list)


def read_facts(job: Json, pods: list[Json]) -> Facts:
    """Return the facts of a Job and its Pods, objects of the API."""
    uid, profile = text_at(job, "metadata", "uid"), text_at(job, "metadata", "annotations", labels.PROFILE)
    return Facts(
        uid=uid,
        identity=text_at(job, "metadata", "labels", labels.IDENTITY),
        hash=text_at(job, "metadata", "annotations", labels.MANIFEST_HASH),
        profile=profile if PROFILE.fullmatch(profile) else "",
        collected=bool(text_at(job, "metadata", "annotations", labels.COLLECTED)),
        deleting=bool(at(job, "metadata", "deletionTimestamp")),
        conditions=frozenset(true_conditions(job)),
        oom_killed=any(_was_oom_killed(pod) for pod in pods if is_owned_by(pod, uid)),
    )


def _was_oom_killed(pod: Json) -> bool:
    statuses = list_at(pod, "status", "initContainerStatuses") + list_at(pod, "status", "containerStatuses")
    return any(
        text_at(status, state, "terminated", "reason") == "OOMKilled"
        for status in statuses
        for state in ("state", "lastState")
    )


def needs_pods(facts: Facts, request: Request) -> bool:
    """Whether the decision takes to know how the Pods of the Job ended."""
    return request.escalate and bool(facts.profile) and bool(facts.conditions & FAILED)


def decide(facts: Facts | None, request: Request, memory: Memory) -> Decision:
    """Return what to do about the Job that is there, None for no Job."""
    if facts is None:
        memory = _remember(memory, found=memory.found if memory.found is not None else "")
        return Decision(action=Create(), memory=memory)
    memory = _remember(
        memory,
        found=memory.found if memory.found is not None else facts.uid,
        last_profile=facts.profile or memory.last_profile,
    )
    if facts.identity != request.identity:
        advice = f"give another --name, or: delete-job --job {request.name}"
        message = f"Job {request.name} exists and is not this task's: {advice}"
        return Decision(action=Refuse(exit_codes.DATA, message), memory=memory)
    messages: list[str] = []
    if request.escalate and facts.profile:
        oom = facts.oom_killed and bool(facts.conditions & FAILED)
        if memory.escalated and memory.escalated[0] == facts.uid:
            messages += _escalated(facts.profile, request.profile, memory.escalated[1], oom=oom)
            memory = _remember(memory, escalated=(facts.uid, request.profile))
        elif oom or facts.profile != request.profile:
            memory = _remember(memory, escalated=(facts.uid, request.profile))
            return Decision(action=Render(facts.profile, oom), memory=memory)
    if facts.deleting:
        messages.append(f"Job {request.name} is being deleted: waiting until it is gone")
        return Decision(action=Wait(facts.uid), memory=memory, messages=messages)
    action, said = _attach_or_replace(facts, request, was_there=facts.uid == memory.found)
    return Decision(action=action, memory=memory, messages=messages + said)


def created(uid: str, request: Request, namespace: str, memory: Memory, try_number: str) -> Decision:
    """Return what follows when this submit has created the Job."""
    messages = []
    if request.escalate and not memory.last_profile and try_number not in ("", "1"):
        messages.append(
            f"the Job of the last attempt is gone, and with it how it ended: beginning with profile {request.profile}"
        )
    messages.append(created_message(request.name, namespace))
    return Decision(action=Attach(uid, complete_owned=True), memory=memory, messages=messages)


def _escalated(last: str, now: str, before: str, *, oom: bool) -> list[str]:
    """What to say of the profile that was rendered for; nothing the second time, when `before` is `now`."""
    if oom and now == last:
        return [f"the last attempt ended OOMKilled on profile {last}, which has no larger one: it stays"]
    if now == before:
        return []
    if oom:
        return [f"the last attempt ended OOMKilled on profile {last}: taking {now}"]
    return [f"the last attempt had profile {last}: it stays"]


def _attach_or_replace(facts: Facts, request: Request, *, was_there: bool) -> tuple[Action, list[str]]:
    name, same = request.name, facts.hash == request.hash
    attach = Attach(facts.uid, complete_owned=same and "Complete" not in facts.conditions)
    change = f"from another manifest ({_word(facts.hash)}, now {request.hash})"
    if facts.conditions & SUCCEEDED and not same:
        if was_there:
            return Replace(facts.uid), [f"replacing Job {name}: it is complete, but {change}"]
        message = f"Job {name} was created while this run tried to, {change}, and has ended: run again"
        return Refuse(exit_codes.DATA, message), []
    if not was_there and same and facts.conditions & ENDED:
        return attach, [f"attaching to Job {name}: it was created while this run tried to, and has ended already"]
    if facts.conditions & FAILED:
        return Replace(facts.uid), [f"replacing Job {name}: it failed"]
    if "Complete" in facts.conditions:
        if facts.collected:
            return Replace(facts.uid), [f"replacing Job {name}: it is complete, and its result was collected"]
        return attach, [f"attaching to Job {name}: it is complete and its result was never collected"]
    if same:
        return attach, [f"attaching to Job {name}: it still runs"]
    if request.on_change == "attach":
        return attach, [f"attaching to Job {name}: it still runs, {change}"]
    if request.on_change == "replace":
        return Replace(facts.uid), [f"replacing Job {name}: it still runs, {change}"]
    advice = f"wait for it, give --on-change attach or replace, or: delete-job --job {name}"
    return Refuse(exit_codes.DATA, f"Job {name} still runs, {change}: {advice}"), []


def _word(hash_of_other: str) -> str:
    return hash_of_other if re.fullmatch("[0-9a-f]{1,64}", hash_of_other) else "unknown"


def _remember(memory: Memory, **changes: Json) -> Memory:
    return Memory(**(vars(memory) | changes))
