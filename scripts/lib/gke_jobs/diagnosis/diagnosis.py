"""Explains why a Job is pending, running or failed: its condition, its Pods, their events and logs, advice.

The environment of a container is never printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gke_jobs import kueue
from gke_jobs.diagnosis import advice
from gke_jobs.diagnosis.advice import Rule, advise
from gke_jobs.diagnosis.event_lines import EventLine, event_lines, events_since
from gke_jobs.diagnosis.pod_facts import Facts, facts, first_start, last_change, logs_to_read, messages, pod_name
from gke_jobs.diagnosis.refusals import refusal
from gke_jobs.diagnosis.seen import Seen
from gke_jobs.event_times import BEGINNING
from gke_jobs.following.phases import Phase
from gke_jobs.following.pods import phase_of
from gke_jobs.json_access import Json, at, count_at, dict_at, int_at, text_at, true_conditions
from gke_jobs.labels import COMPLETION_INDEX, QUEUE, UNSCHEDULED
from gke_jobs.plain_text import duration, escaped, is_name, log_lines, one_line, parse_time
from gke_jobs.quota import quota_advice

GROUPS = 5  # groups of similar Pods that are shown in full
LOG_LINES = 25
LOG_GONE = b"unable to retrieve container logs"  # what the kubelet returns in place of the log
NAMES = 10  # names of Pods in one line
KUEUE_ROLE = "templates/role-kueue.yaml is a Role for that"
LIMITS = ("backoffLimit", "backoffLimitPerIndex", "activeDeadlineSeconds")
UNLIMITED = 2**31 - 1  # the backoffLimit that Kubernetes sets if backoffLimitPerIndex applies
# Advice about Pods that ended comes before advice about Pods that wait.
URGENCY = {Phase.FAILED: 0, Phase.RESTARTING: 1, Phase.RUNNING: 1, Phase.UNKNOWN: 1, Phase.STUCK: 2, Phase.STARTING: 3}
LEAST_URGENT = 4


@dataclass(frozen=True)
class Block:
    """Lines about one object, and the advice for them."""

    lines: list[str]
    advice: str | None
    urgency: int = 0


def diagnose(seen: Seen) -> str:
    """Return the diagnosis, each line ended by a newline."""
    groups = pod_groups(seen.pods or [])
    pods = [_pods_block(seen, group) for group in groups[:GROUPS]]
    job, gone = _job_block(seen), _gone_blocks(seen)
    lines = [line for block in [job, *pods, *gone] for line in block.lines]
    if hidden := sum(map(len, groups[GROUPS:])):
        see = f"; see: kubectl describe pods --selector job-name={seen.name}" if is_name(seen.name) else ""
        lines.append(f"others, not shown: {_count(hidden)}{see}")
    if seen.more_pods:
        lines.append("the Job has more Pods than were read")
    if "pods" in seen.unread and "its Pods could not be read" not in job.lines[0]:
        lines.append(f"its Pods could not be read: {seen.unread['pods']}")
    if "events" in seen.unread:
        lines.append(f"not all events could be read: {seen.unread['events']}")
    if _is_failing(seen) and any(block.urgency == 0 for block in pods):
        pods = [block for block in pods if block.urgency < LEAST_URGENT]  # to wait for a node has no use now
    found = [job, *sorted(pods, key=lambda block: block.urgency), *gone]
    lines += [f"advice: {text}" for text in dict.fromkeys(block.advice for block in found) if text]
    # Each part is sanitized. The line is sanitized again, because two parts together may form a group mark.
    return "".join(f"{escaped(line)}\n" for line in lines)


def _job_block(seen: Seen) -> Block:
    job = seen.job
    if not isinstance(job, dict) or not job:
        why = seen.unread.get("job")
        unread = f"could not be read{f': {why}' if why else ''}"
        return Block([f"Job {one_line(seen.name)} {unread if job is None else 'no longer exists'}"], None)
    lines = [_headline(seen), f"  {'; '.join(_details(seen))}"]
    events = event_lines(seen.events_of(seen.uid), seen.now, lines[0])
    queue = kueue.reasons(seen.queued) if seen.queued else []
    advised = advise(advice.QUEUE, queue) or advise(advice.JOB, ["\n".join(lines)])
    lines += [f"  Kueue: {line}" for line in [*queue, kueue.place(seen.queued) if seen.queued else ""] if line]
    if "queue" in seen.unread:
        why = seen.unread["queue"]
        role = f"; {KUEUE_ROLE}" if why.startswith("permission denied") else ""
        lines.append(f"  Kueue: its Workload could not be read: {why}{role}")
    if not advised and (refused := refusal(seen)):
        advised = quota_advice(refused) or advise(advice.CREATION, [refused])
    return Block([*lines, *(f"  {event.text}" for event in events)], advised)


def _details(seen: Seen) -> list[str]:
    spec, status, conditions = dict_at(seen.job, "spec"), dict_at(seen.job, "status"), _conditions(seen.job)
    counts = [
        f"{number} {key}"
        for key in ("active", "terminating", "succeeded", "failed")
        if (number := int_at(status, key)) > 0
    ]
    details = [f"the Job counts {', '.join(counts) or 'no Pods'}"]
    if indexes := one_line(text_at(status, "failedIndexes")):
        details.append(f"failed indexes: {indexes}")
    if seconds := count_at(seen.job, "metadata", "annotations", UNSCHEDULED):
        details.append(f"run-job failed it, because it got no nodes within {seconds} s")
    details += [
        f"{key} {int_at(spec, key)}"
        for key in LIMITS
        if isinstance(at(spec, key), int) and int_at(spec, key) != UNLIMITED
    ]
    if start := parse_time(text_at(status, "startTime")):
        finish = conditions.get("Failed") or conditions.get("Complete")
        end = parse_time(text_at(finish, "lastTransitionTime"))
        since = "from its start to its end" if end else "since its start"
        details.insert(0, f"{duration(start, end or seen.now)} {since}")
    return details


def _conditions(job: Json) -> dict[str, dict[str, Json]]:
    return true_conditions(job)


def _is_failing(seen: Seen) -> bool:
    return bool({"Failed", "FailureTarget"} & _conditions(seen.job).keys())


def _headline(seen: Seen) -> str:
    conditions, name = _conditions(seen.job), one_line(seen.name)
    for kind, words in (
        ("Failed", "failed"),
        ("Complete", "is complete"),
        ("FailureTarget", "fails as soon as its Pods have ended"),
        ("SuccessCriteriaMet", "is complete as soon as its Pods have ended"),
    ):
        if condition := conditions.get(kind):
            why = f"{one_line(text_at(condition, 'reason'))}: {one_line(text_at(condition, 'message'))}"
            return f"Job {name} {words}: {why}"
    if "Suspended" in conditions:
        queue = one_line(text_at(dict_at(seen.job, "metadata", "labels"), QUEUE))
        return f"Job {name} is suspended: " + (
            f"it waits in Kueue's queue {queue}" if queue else "it waits to be resumed"
        )
    doing = [_phase_text(pod) for pod in seen.pods or []]
    does = ", ".join(f"{_count(doing.count(kind))} {kind}" for kind in dict.fromkeys(doing)) or "it has no Pods"
    if seen.pods is None:
        does = "its Pods could not be read" + (f": {seen.unread['pods']}" if "pods" in seen.unread else "")
    deleted = text_at(seen.job, "metadata", "deletionTimestamp")
    return f"Job {name} is {'being deleted' if deleted else 'not finished'}: {does}"


def pod_groups(pods: Iterable[Json]) -> list[list[Json]]:
    """Group Pods that differ only in name, node and time, newest first; leave out Pods that succeeded."""
    groups: dict[str, list[Json]] = {}
    for pod in sorted(pods, key=lambda pod: last_change(pod) or BEGINNING, reverse=True):
        if phase_of(pod) is not Phase.SUCCEEDED:
            own = [text_at(pod, *path) for path in (("metadata", "name"), ("metadata", "uid"), ("spec", "nodeName"))]
            alike = re.sub(
                "|".join(re.escape(word) for word in own if word) or r"(?!)",
                "",
                "\n".join([_phase_text(pod), *facts(pod).lines, *messages(pod)]),
            )
            groups.setdefault(alike, []).append(pod)
    return list(groups.values())


def _phase_text(pod: Json) -> str:
    deleted = text_at(pod, "metadata", "deletionTimestamp")
    return f"{phase_of(pod).value}{' and being deleted' if deleted else ''}"


def _pods_block(seen: Seen, group: list[Json]) -> Block:
    pod = group[0]
    known = facts(pod)
    events = events_about(seen, pod, known)
    lines = [_pod_headline(seen, pod)]
    if len(group) > 1:
        lines = [
            f"{_count(len(group))} alike; the newest:",
            *lines,
            f"  the others: {_names([pod_name(other) for other in group[1:]])}",
        ]
    lines += [f"  {line}" for line in [*known.lines, *messages(pod), *(event.text for event in events)]]
    for container, _ in logs_to_read(pod):
        lines += _log(seen, text_at(pod, "metadata", "name"), container)
    return Block(lines, _pod_advice(pod, known, events), URGENCY.get(phase_of(pod), LEAST_URGENT))


def events_about(seen: Seen, pod: Json, known: Facts) -> list[EventLine]:
    """Return the events that are still relevant for a Pod, newest last."""
    about = events_since(known.began, first_start(pod), seen.events_of(text_at(pod, "metadata", "uid")))
    return event_lines(about, seen.now, "\n".join(known.lines))


def _pod_advice(pod: Json, known: Facts, events: list[EventLine]) -> str | None:
    """Return the advice for the present phase of a Pod. Earlier phases give no advice."""
    phase, ends = phase_of(pod), ["\n".join(found) for found in known.of_containers]
    if phase is Phase.WAITING:
        wishes = known.of_node[1:]
        if fits_nowhere := advise(advice.NO_POOL, _autoscaler_messages(events)[-1:]):
            return fits_nowhere
        found = advise(advice.NODE, ["\n".join([event.message, *wishes]) for event in reversed(events)])
        return found or advise(advice.NODE, ["\n".join(known.of_node)])
    if phase in (Phase.STARTING, Phase.STUCK):
        found = advise(advice.START, [*ends, "\n".join(known.of_node)])
        return found or _advise_by_events(advice.START, events)
    by_node, by_program = (advice.DISRUPTION, ["\n".join(known.of_pod)]), (advice.PROGRAM, ends[:1])
    first, second = (by_program, by_node) if known.program_first else (by_node, by_program)
    return advise(*first) or (None if known.program_first else advise(*second))


def _autoscaler_messages(events: list[EventLine]) -> list[str]:
    return [event.message for event in events if "ScaleUp: " in event.message]


def _advise_by_events(topic: Iterable[Rule], events: list[EventLine]) -> str | None:
    return advise(topic, [event.message for event in reversed(events)])


def _pod_headline(seen: Seen, pod: Json) -> str:
    change, phase = last_change(pod), phase_of(pod)
    start = parse_time(text_at(pod, "status", "startTime"))
    node = one_line(text_at(pod, "spec", "nodeName"))
    if not change:
        when = "since an unknown time"
    elif phase is Phase.FAILED:
        after = f", {duration(start, change)} after its start" if start else ""
        when = f"{duration(change, seen.now)} ago{after}"
    else:
        when = f"{duration(change, seen.now)} old"
    place = f" ({node})" if node and phase is Phase.UNKNOWN else f" on {node}" if node else ""
    return f"{pod_title(pod)}: {_phase_text(pod)}{place}, {when}"


def pod_title(pod: Json) -> str:
    """Return the name of a Pod, followed by its index."""
    index = one_line(text_at(dict_at(pod, "metadata", "annotations"), COMPLETION_INDEX))
    return f"Pod {pod_name(pod)}" + (f" (index {index})" if index else "")


def _log(seen: Seen, pod: str, container: str) -> list[str]:
    log, title = seen.logs.get((pod, container)), one_line(container)
    if (pod, container) in seen.shown_logs:
        return [f"  the log of {title} is above"]
    if log is None:
        return [f"  the log of {title} could not be read: {seen.unread_logs.get((pod, container), 'no answer')}"]
    if log.startswith(LOG_GONE):
        return [f"  the log of {title} is no longer on its node"]
    if not log:
        return [f"  {title} has logged nothing"]
    lines = log_lines(log)[-LOG_LINES:]
    head = f"the last {LOG_LINES} log lines of" if len(lines) == LOG_LINES else "the log of"
    return [f"  {head} {title}:", *(f"    | {line}" for line in lines)]


def missing_pods(seen: Seen) -> list[str]:
    """Return the names of Pods that the Job created, that no longer exist, and whose logs were not printed."""
    if seen.pods is None or seen.more_pods:
        return []
    texts = [text_at(event, "message") for event in seen.events_of(seen.uid) if _is_pod_creation(event)]
    made = [match[1] for message in texts if (match := re.fullmatch(r"Created pod: (\S+)", message))]
    there = {text_at(pod, "metadata", "name") for pod in seen.pods}
    there |= {pod for pod, _ in seen.shown_logs}  # their logs were printed, and with these how they ended
    return [name for name in dict.fromkeys(made) if name not in there and is_name(name)]


def _is_pod_creation(event: Json) -> bool:
    return text_at(event, "reason") == "SuccessfulCreate"


def _gone_blocks(seen: Seen) -> list[Block]:
    gone = missing_pods(seen)
    if not gone:
        return []
    events = [event for event in seen.events if text_at(event, "involvedObject", "name") in gone]
    left = "is gone, with its" if len(gone) == 1 else "are gone, with their"
    lines = [f"{len(gone)} of its Pods {left} state and log: {_names(gone)}"]
    advised = advise(advice.GONE, lines)
    return [Block([*lines, *(f"  {line.text}" for line in event_lines(events, seen.now))], advised)]


def _names(names: list[str]) -> str:
    return ", ".join(names[:NAMES]) + (f" and {len(names) - NAMES} more" if len(names) > NAMES else "")


def _count(pods: int) -> str:
    return f"{pods} Pod" if pods == 1 else f"{pods} Pods"
