"""All Jobs of the toolkit in a namespace, without I/O: takes events of the cluster, returns reports of changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from gke_jobs.following.clocks import lacks_nodes
from gke_jobs.following.events import Action, Changed, Event, Kind, Listed, Opened, WatchEnded, WorkloadsRead
from gke_jobs.following.jobs import Job, read_job
from gke_jobs.following.phases import Phase
from gke_jobs.following.pod_view import Pod, read_pod
from gke_jobs.following.pods_seen import LIVE
from gke_jobs.following.queueing import Queues
from gke_jobs.following.reconnecting import Reconnecting
from gke_jobs.json_access import Json, dict_at, list_at, text_at
from gke_jobs.plain_text import one_line

DESCRIBED = (Phase.STUCK, Phase.WAITING, Phase.RESTARTING, Phase.UNKNOWN)  # phases of Pods to describe, by priority


@dataclass(frozen=True)
class Report:
    """One line for the waiting programs."""

    content: dict[str, Json]


@dataclass
class _Entry:
    """One Job and its Pods; reported: its last report."""

    item: Json = None
    pods: dict[str, Pod] = field(default_factory=dict)
    reported: dict[str, Json] | None = None


class Overview:
    """The state of one watch of many Jobs. Call `begin` first, then `handle` for each event.

    namespace: '' for all namespaces; reports_queues: whether to report why Jobs wait in queues of Kueue
    """

    def __init__(self, namespace: str, unreachable: float, *, reports_queues: bool = False) -> None:
        place = f"namespace {namespace}" if namespace else "all namespaces"
        self._watches = Reconnecting(f"the Jobs of {place}", unreachable)
        self._queues = Queues() if reports_queues else None
        self._entries: dict[str, _Entry] = {}
        self._listed: set[Kind] = set()
        self._is_reachable = True

    def begin(self, now: float) -> list[Action | Report]:
        """Begin to list Jobs and Pods."""
        return [self._watches.begin(kind, now) for kind in Kind]

    def deadline(self) -> float | None:
        """Return when `handle` must be called with a Tick if no event comes before."""
        times = [self._watches.next_time(), self._queues.read_at if self._queues else None]
        return min((time for time in times if time is not None), default=None)

    def jobs(self) -> list[tuple[Json, list[Phase]]]:
        """Return the present state of all Jobs, with the phases of their Pods."""
        entries = [entry for entry in self._entries.values() if entry.item is not None]
        return [(entry.item, [pod.phase for pod in entry.pods.values()]) for entry in entries]

    def handle(self, event: Event, now: float) -> list[Action | Report]:
        """Process an event; return the actions and reports."""
        actions = [*self._handle(event, now), *self._watches.act(now)]
        return [*actions, *(self._queues.act(now) if self._queues else ()), *self._reachability()]

    def _reachability(self) -> Iterator[Report]:
        problem = self._watches.problem
        if self._is_reachable == bool(problem):
            self._is_reachable = not problem
            yield Report({"event": "unreachable", "message": problem} if problem else {"event": "reachable"})

    def _handle(self, event: Event, now: float) -> Iterator[Action | Report]:
        if isinstance(event, Opened) and isinstance(event.what, Kind):
            yield from self._watches.opened(event.what, now)
        elif isinstance(event, WatchEnded):
            yield from self._watches.ended(event.kind, event.answer, now)
        elif isinstance(event, Listed):
            yield from self._take_list(event)
            yield from self._watches.listed(event.kind, event.version, now)
        elif isinstance(event, WorkloadsRead):
            for uid in self._queues.read(event) if self._queues else ():
                yield from self._report(uid)
        elif isinstance(event, Changed):
            self._watches.seen(event.kind, text_at(event.item, "metadata", "resourceVersion"), now)
            if event.change in ("ADDED", "MODIFIED", "DELETED"):
                yield from self._change(event.kind, event.item, is_deleted=event.change == "DELETED")

    def _take_list(self, event: Listed) -> Iterator[Report]:
        is_first = len(self._listed) < len(Kind)
        self._listed.add(event.kind)
        if event.kind is Kind.PODS:
            for entry in self._entries.values():
                entry.pods.clear()
        else:
            there = {text_at(item, "metadata", "uid") for item in event.items}
            for uid in [uid for uid, entry in self._entries.items() if entry.item is not None and uid not in there]:
                yield from self._remove(uid)
        changed = {uid for item in event.items if (uid := self._store(event.kind, item))}
        for uid in changed if event.kind is Kind.JOB and not is_first else list(self._entries):
            yield from self._report(uid)
        if len(self._listed) == len(Kind):
            jobs = sorted(uid for uid, entry in self._entries.items() if entry.item is not None)
            yield Report({"event": "synced", "uids": jobs})

    def _change(self, kind: Kind, item: Json, *, is_deleted: bool) -> Iterator[Report]:
        uid = self._store(kind, item)
        if not uid:
            return
        if is_deleted and kind is Kind.PODS:
            entry = self._entries[uid]
            entry.pods.pop(text_at(item, "metadata", "uid"), None)
            if entry.item is None and not entry.pods:  # the last Pod of a removed Job
                del self._entries[uid]
                return
        yield from self._report(uid)
        if is_deleted and kind is Kind.JOB:
            yield from self._remove(uid)

    def _store(self, kind: Kind, item: Json) -> str:
        """Store a Job or a Pod; return the uid of the Job, '' for a Pod without one."""
        if kind is Kind.JOB:
            uid = text_at(item, "metadata", "uid")
            self._entries.setdefault(uid, _Entry()).item = item
            if self._queues:
                self._queues.note(uid, item)
            return uid
        owners = [owner for owner in list_at(item, "metadata", "ownerReferences") if text_at(owner, "kind") == "Job"]
        uid = next((text_at(owner, "uid") for owner in owners if dict_at(owner).get("controller") is True), "")
        if uid:
            pod = read_pod(item)
            self._entries.setdefault(uid, _Entry()).pods[pod.uid] = pod
        return uid

    def _report(self, uid: str) -> Iterator[Report]:
        entry = self._entries[uid]
        if entry.item is None or len(self._listed) < len(Kind):  # wait for its Pods, to report a Job only once
            return
        queue = self._queues.reasons.get(uid, "") if self._queues else ""
        content = describe(entry.item, list(entry.pods.values()), queue)
        if content != entry.reported:
            entry.reported = content
            yield Report(content)

    def _remove(self, uid: str) -> Iterator[Report]:
        entry = self._entries.pop(uid)
        if self._queues:
            self._queues.forget(uid)
        yield Report({**(entry.reported or {"uid": uid}), "event": "gone"})


def describe(item: Json, pods: list[Pod], queue: str = "") -> dict[str, Json]:
    """Return the report about a Job and its Pods; all text is sanitized. queue: why the Job waits in a queue."""
    job = read_job(item)
    described = next((pod for phase in DESCRIBED for pod in pods if pod.phase is phase), None)
    tally = Counter(pod.phase for pod in pods)

    def count(phases: Iterable[Phase]) -> int:
        return sum(tally[phase] for phase in phases)

    counts = {phase.name.lower(): tally[phase] for phase in Phase if tally[phase]}
    conditions = [
        {
            key: one_line(text_at(condition, key))
            for key in ("type", "status", "reason", "message", "lastTransitionTime")
        }
        for condition in list_at(item, "status", "conditions")
    ]
    return {
        "event": "job",
        "job": one_line(text_at(item, "metadata", "name")),
        "namespace": one_line(text_at(item, "metadata", "namespace")),
        "uid": one_line(job.uid),
        "state": job.state,
        "reason": job.code,
        "message": job.reason,
        "finished": job.is_finished,
        "deleting": job.deleting,
        "conditions": conditions,
        "active": job.active,
        "succeeded": job.succeeded,
        "failed": job.failed,
        "lacks_nodes": lacks_nodes(job, count, is_quota=False),
        "cannot_start": _cannot_start(job, pods, count),
        "pods": counts,
        "why": f"{described.title} {described.message}" if described else queue,
    }


def _cannot_start(job: Job, pods: list[Pod], count: Callable[[Iterable[Phase]], int]) -> bool:
    """Whether Events must be read: a Pod is stuck or waits for its volumes, or a Job that should have Pods has none."""
    if job.is_ending:
        return False
    lacks_pods = job.started and not job.state and job.wanted > 0 and not count(LIVE)
    return lacks_pods or count([Phase.STUCK]) > 0 or any(pod.waits_for_volumes for pod in pods)
