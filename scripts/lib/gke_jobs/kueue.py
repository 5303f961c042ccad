"""Reads why a Job waits in a queue of Kueue, from its Workload, and its position, from Kueue's visibility API.

A Role may lack both rights, and a cluster may lack both APIs. The position is that of Kueue: which Workload is admitted
next also depends on quota, cohorts and strategy, and is not computed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from gke_jobs.connection import Connection
from gke_jobs.errors import ApiError
from gke_jobs.json_access import Json, at, dict_at, int_at, is_owned_by, list_at, text_at, true_conditions
from gke_jobs.labels import QUEUE
from gke_jobs.plain_text import is_name, one_line

VERSION, OLD_VERSION = "v1beta2", "v1beta1"  # of both API groups, since and before Kueue 0.15
NOT_FOUND = 404
JOB_UID = "kueue.x-k8s.io/job-uid"  # label of a Workload
CHUNK = 100  # Jobs whose Workloads are read in one request: a URL may have 8 KiB
MOST_WAITING = "1000"  # Workloads of one queue that are searched for the position; Kueue's own default


@dataclass(frozen=True, kw_only=True)
class Queued:
    """The state of a Job in a queue.

    workload: {} if there is none, None if the cluster has no Workload API
    places: how many others precede it in the LocalQueue and in the ClusterQueue, None if that is not known
    """

    workload: Json
    places: tuple[int, int] | None = None


def queue_of(job: Json) -> str:
    """Return the queue in which a suspended Job waits, '' for any other Job."""
    queue = text_at(dict_at(job, "metadata", "labels"), QUEUE)
    return queue if "Suspended" in true_conditions(job) else ""


def read(connection: Connection, namespace: str, uid: str, queue: str, seconds: float) -> Queued:
    """Return the state of the Job with this uid. ApiError if its Workload cannot be read."""
    query = {"labelSelector": f"{JOB_UID}={uid}"}
    place = f"namespaces/{quote(namespace, safe='')}"
    try:
        found = _get(connection, "kueue.x-k8s.io", f"{place}/workloads", query, seconds)
    except ApiError as error:
        if error.answer.code == NOT_FOUND:
            return Queued(workload=None)
        raise
    ours = [one for one in list_at(found, "items") if is_owned_by(one, uid)]
    workload: Json = max(ours, key=lambda one: text_at(one, "metadata", "creationTimestamp"), default={})
    if not workload or not is_name(queue) or "QuotaReserved" in true_conditions(workload):
        return Queued(workload=workload)
    try:
        path = f"{place}/localqueues/{queue}/pendingworkloads"
        waiting = _get(connection, "visibility.kueue.x-k8s.io", path, {"limit": MOST_WAITING}, seconds)
    except ApiError:
        return Queued(workload=workload)
    return Queued(workload=workload, places=_places(waiting, text_at(workload, "metadata", "name")))


def read_all(connection: Connection, namespace: str, uids: Sequence[str], seconds: float) -> dict[str, Json] | None:
    """Return the Workloads of Jobs by uid of the Job; None if the cluster has no Workload API.

    ApiError if they cannot be read. seconds: limit for each CHUNK of the Jobs
    """
    path = f"namespaces/{quote(namespace, safe='')}/workloads"
    found: list[Json] = []
    try:
        for begin in range(0, len(uids), CHUNK):
            query = {"labelSelector": f"{JOB_UID} in ({','.join(uids[begin : begin + CHUNK])})"}
            found += list_at(_get(connection, "kueue.x-k8s.io", path, query, seconds), "items")
    except ApiError as error:
        if error.answer.code == NOT_FOUND:
            return None
        raise
    found.sort(key=lambda one: text_at(one, "metadata", "creationTimestamp"))
    return {owner: one for one in found if (owner := _job_uid(one))}


def _job_uid(workload: Json) -> str:
    owners = map(dict_at, list_at(workload, "metadata", "ownerReferences"))
    jobs = (one for one in owners if one.get("controller") is True and one.get("kind") == "Job")
    return next((text_at(one, "uid") for one in jobs), "")


def _get(connection: Connection, group: str, path: str, query: dict[str, str], seconds: float) -> Json:
    try:
        return connection.get_json(f"/apis/{group}/{VERSION}/{path}", query, seconds)
    except ApiError as error:
        if error.answer.code != NOT_FOUND:
            raise
    return connection.get_json(f"/apis/{group}/{OLD_VERSION}/{path}", query, seconds)


def _places(waiting: Json, name: str) -> tuple[int, int] | None:
    for one in list_at(waiting, "items"):
        if text_at(one, "metadata", "name") == name:
            return int_at(one, "positionInLocalQueue"), int_at(one, "positionInClusterQueue")
    return None


def reasons(queued: Queued) -> list[str]:
    """Return why the Job waits, as lines of text, present reasons first."""
    if queued.workload is None:
        return ["the cluster has no Workloads of Kueue: is it installed?"]
    if not queued.workload:
        return ["Kueue has not created a Workload for the Job"]
    return [*_pending(queued.workload), *_evicted(queued.workload)]


def place(queued: Queued) -> str:
    """Return the position of the Job in the queues as text, '' if that is not known."""
    if queued.places is None:
        return ""
    local, cluster = queued.places
    return f"Workloads before it: {local} in its LocalQueue, {cluster} in its ClusterQueue"


def _pending(workload: Json) -> Iterator[str]:
    conditions = {text_at(condition, "type"): condition for condition in list_at(workload, "status", "conditions")}
    quota, admitted = conditions.get("QuotaReserved"), conditions.get("Admitted")
    if at(workload, "spec", "active") is False:
        yield "its Workload is deactivated (spec.active is false): Kueue does not admit it"
    if text_at(admitted, "status") == "True":
        yield "admitted: it is about to start"
    elif text_at(quota, "status") == "True":
        yield f"it has quota: {one_line(text_at(quota, 'message'))}"
        for check in list_at(workload, "status", "admissionChecks"):
            if text_at(check, "state") != "Ready":
                name, state, message = (one_line(text_at(check, key)) for key in ("name", "state", "message"))
                yield f"admission check {name} is {state}" + (f": {message}" if message else "")
    elif quota and at(workload, "spec", "active") is not False:
        yield f"no quota ({one_line(text_at(quota, 'reason'))}): {one_line(text_at(quota, 'message'))}"
    elif not quota:
        yield "Kueue has not tried to admit it yet"


def _evicted(workload: Json) -> Iterator[str]:
    """Yield why the Job was stopped. After a preemption both conditions have the same message."""
    conditions = true_conditions(workload)
    previous = ""
    for kind in ("Evicted", "Preempted"):
        condition = conditions.get(kind)
        reason, message = one_line(text_at(condition, "reason")), one_line(text_at(condition, "message"))
        if condition and message != previous:
            yield f"{kind.lower()} ({reason}): {message}"
        previous = message
