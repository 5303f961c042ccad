"""Tells in words why a Job is pending, running, failed: its condition, its Pods, their events and logs, advice.

Usage: diagnosis.py logs DIRECTORY NAME UID   # which logs the text will show, a line each: POD CONTAINER [--previous]
       diagnosis.py text DIRECTORY NAME UID   # the text

DIRECTORY holds what explain.bash has read; each file may be missing. The environment of a container is never printed.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from gke_jobs.diagnosis.advice import advise
from gke_jobs.diagnosis.event_lines import event_lines
from gke_jobs.diagnosis.pod_state import INDEX, Json, facts, last_change, logs_to_read, messages, stage
from gke_jobs.plain_text import duration, log_lines, one_line, parse_time

GROUPS = 5  # of Pods that are alike, shown in full
LOG_LINES = 25
LOG_GONE = b"unable to retrieve container logs"  # what the kubelet says as if it were the log
NAMES = 10  # of Pods in one line
LIMITS = ("backoffLimit", "backoffLimitPerIndex", "activeDeadlineSeconds")
UNLIMITED = 2**31 - 1  # what Kubernetes sets as backoffLimit where backoffLimitPerIndex counts
QUEUE = "kueue.x-k8s.io/queue-name"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was read of one Job. None stands for what could not be read; an empty `job` is one that is not there."""

    name: str
    uid: str
    job: Json
    pods: list[Json] | None
    events: list[Json]
    logs: dict[tuple[str, str], bytes] = field(default_factory=dict)  # by Pod and container
    unread: dict[tuple[str, str], str] = field(default_factory=dict)  # why there is no log, likewise
    now: datetime

    def events_of(self, uid: str) -> list[Json]:
        """Return the events about one object."""
        return [event for event in self.events if event["involvedObject"].get("uid") == uid]


def diagnose(seen: Seen) -> str:
    """Return the diagnosis, each line ended by a newline."""
    groups = _groups(seen.pods or [])
    blocks = [_job_block(seen), *(_pods_block(seen, group) for group in groups[:GROUPS]), *_gone_block(seen)]
    lines = [line for block in blocks for line in block.lines]
    if hidden := sum(map(len, groups[GROUPS:])):
        lines.append(f"others, not shown: {_count(hidden)}; see: kubectl describe pods --selector job-name={seen.name}")
    advice = dict.fromkeys(found for block in blocks if (found := advise("\n".join(block.facts))))
    return "".join(f"{line}\n" for line in [*lines, *(f"advice: {found}" for found in advice)])


@dataclass(frozen=True)
class Block:
    """Lines about one object; `facts` are those that advice is sought for."""

    lines: list[str]
    facts: list[str]


def _job_block(seen: Seen) -> Block:
    job = seen.job
    if not job:
        return Block([f"Job {seen.name} " + ("could not be read" if job is None else "is no longer there")], [])
    spec, status = job["spec"], job.get("status", {})
    counts = [f"{status[key]} {key}" for key in ("active", "terminating", "succeeded", "failed") if status.get(key)]
    details = [f"Pods: {', '.join(counts) or 'none'}"]
    if status.get("failedIndexes"):
        details.append(f"failed indexes: {status['failedIndexes']}")
    details += [f"{key} {spec[key]}" for key in LIMITS if spec.get(key, UNLIMITED) != UNLIMITED]
    if start := status.get("startTime"):
        ends = [found["lastTransitionTime"] for found in _conditions(job) if found["type"] in ("Failed", "Complete")]
        end = parse_time(ends[0]) if ends else seen.now
        details.insert(0, f"{'it took' if ends else 'so far'} {duration(parse_time(start), end)}")
    lines = [_headline(seen), "  " + "; ".join(details)]
    lines += [f"  {line}" for line in event_lines(seen.events_of(seen.uid), seen.now, lines[0])]
    return Block(lines, lines)


def _conditions(job: Json) -> list[Json]:
    return [condition for condition in job.get("status", {}).get("conditions", []) if condition["status"] == "True"]


def _headline(seen: Seen) -> str:
    job = seen.job
    queue = job["metadata"].get("labels", {}).get(QUEUE)
    conditions = {condition["type"]: condition for condition in _conditions(job)}
    for kind, words in (
        ("Failed", "failed"),
        ("Complete", "is complete"),
        ("FailureTarget", "fails as soon as its Pods have ended"),
        ("SuccessCriteriaMet", "is complete as soon as its Pods have ended"),
    ):
        if condition := conditions.get(kind):
            return f"Job {seen.name} {words}: {condition.get('reason')}: {one_line(condition.get('message', ''))}"
    if "Suspended" in conditions:
        return f"Job {seen.name} is suspended: " + (
            f"it waits in Kueue's queue {queue}" if queue else "it waits to be resumed"
        )
    stages = [stage(pod) for pod in seen.pods or []]
    does = ", ".join(f"{_count(stages.count(kind))} {kind}" for kind in dict.fromkeys(stages)) or "it has no Pods"
    does = "its Pods could not be read" if seen.pods is None else does
    deleted = job["metadata"].get("deletionTimestamp")
    return f"Job {seen.name} is {'being deleted' if deleted else 'not finished'}: {does}"


def _groups(pods: list[Json]) -> list[list[Json]]:
    """Put Pods together that differ in nothing but name, place and time, newest first; those that succeeded not."""
    groups: dict[str, list[Json]] = {}
    for pod in sorted(pods, key=last_change, reverse=True):
        if stage(pod) != "succeeded":
            own = [pod["metadata"]["name"], pod["metadata"]["uid"], pod["spec"].get("nodeName")]
            alike = re.sub(
                "|".join(re.escape(word) for word in own if word),
                "",
                "\n".join([stage(pod), *facts(pod), *messages(pod)]),
            )
            groups.setdefault(alike, []).append(pod)
    return list(groups.values())


def _pods_block(seen: Seen, group: list[Json]) -> Block:
    pod = group[0]
    name, known = pod["metadata"]["name"], facts(pod)
    events = event_lines(seen.events_of(pod["metadata"]["uid"]), seen.now, "\n".join(known))
    lines = [_pod_headline(seen, pod)]
    if len(group) > 1:
        lines = [
            f"{_count(len(group))} alike; the newest:",
            *lines,
            f"  the others: {_names([other['metadata']['name'] for other in group[1:]])}",
        ]
    lines += [f"  {line}" for line in [*known, *messages(pod), *events]]
    for container, _ in logs_to_read(pod):
        lines += _log(seen, name, container)
    return Block(lines, [stage(pod), *known, *events])


def _pod_headline(seen: Seen, pod: Json) -> str:
    name, doing, node = pod["metadata"]["name"], stage(pod), pod["spec"].get("nodeName")
    change, start = last_change(pod), pod["status"].get("startTime")
    when = f"{duration(change, seen.now)} old"
    if doing == "failed":
        when = f"{duration(change, seen.now)} ago" + (
            f", {duration(parse_time(start), change)} after its start" if start else ""
        )
    index = pod["metadata"].get("annotations", {}).get(INDEX)
    return f"Pod {name}{f' (index {index})' if index else ''}: {doing}{f' on {node}' if node else ''}, {when}"


def _log(seen: Seen, pod: str, container: str) -> list[str]:
    log = seen.logs.get((pod, container))
    if log is None:
        return [f"  the log of {container} could not be read: {seen.unread.get((pod, container), 'no answer')}"]
    if log.startswith(LOG_GONE):
        return [f"  the log of {container} is gone from its node"]
    if not log:
        return [f"  {container} has logged nothing"]
    lines = log_lines(log)[-LOG_LINES:]
    head = f"the last {LOG_LINES} log lines of" if len(lines) == LOG_LINES else "the log of"
    return [f"  {head} {container}:", *(f"    | {line}" for line in lines)]


def _gone_block(seen: Seen) -> list[Block]:
    """Tell of Pods that the Job has made and that are not there any more."""
    if seen.pods is None:
        return []
    said = [event["message"] for event in seen.events_of(seen.uid) if event.get("reason") == "SuccessfulCreate"]
    made = [match[1] for message in said if (match := re.fullmatch(r"Created pod: (\S+)", message))]
    there = {pod["metadata"]["name"] for pod in seen.pods}
    gone = [name for name in made if name not in there]
    if not gone:
        return []
    events = [event for event in seen.events if event["involvedObject"].get("name") in gone]
    left = "is gone, with its" if len(gone) == 1 else "are gone, with their"
    lines = [f"{len(gone)} of its Pods {left} state and log: {_names(gone)}"]
    lines += [f"  {line}" for line in event_lines(events, seen.now)]
    return [Block(lines, lines)]


def _names(names: list[str]) -> str:
    return ", ".join(names[:NAMES]) + (f" and {len(names) - NAMES} more" if len(names) > NAMES else "")


def _count(pods: int) -> str:
    return f"{pods} Pod" if pods == 1 else f"{pods} Pods"


def read(directory: Path, name: str, uid: str) -> Seen:
    """Read what explain.bash has written."""
    job, pods, events = (_read_json(directory / f"{kind}.json") for kind in ("job", "pods", "events"))
    if job and job["metadata"]["uid"] != uid:
        job = {}  # another one that took the name
    seen = Seen(
        name=name,
        uid=uid,
        job=job,
        pods=pods and pods["items"],
        events=(events or {}).get("items", []),
        now=datetime.now(timezone.utc),
    )
    for pod, container, _ in wanted_logs(seen):
        log, errors = directory / f"{pod}.{container}.log", directory / f"{pod}.{container}.log.err"
        if log.exists():
            seen.logs[pod, container] = log.read_bytes()
        elif errors.exists():
            seen.unread[pod, container] = one_line(errors.read_text(errors="replace"))
    return seen


def _read_json(file: Path) -> Json:
    if not file.exists():
        return None
    content = file.read_bytes()
    return json.loads(content) if content.strip() else {}


def wanted_logs(seen: Seen) -> Iterator[tuple[str, str, str]]:
    """Yield Pod, container and option of kubectl logs for each log that the diagnosis shows."""
    for group in _groups(seen.pods or [])[:GROUPS]:
        for container, option in logs_to_read(group[0]):
            yield group[0]["metadata"]["name"], container, option


def main() -> None:
    """Print what the first argument asks for."""
    what, directory, name, uid = sys.argv[1:]
    seen = read(Path(directory), name, uid)
    if what == "logs":
        for log in wanted_logs(seen):
            print(*log)
    else:
        sys.stdout.buffer.write(diagnose(seen).encode())
