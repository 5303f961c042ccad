"""The parts of a report that are read from the cluster: diagnosis, events, ends of logs, all sanitized."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from gke_jobs.connection import Connection
from gke_jobs.containers import main_container
from gke_jobs.diagnosis.diagnosis import LOG_GONE, LOG_LINES, diagnose
from gke_jobs.diagnosis.reading import read_logs
from gke_jobs.diagnosis.seen import Seen
from gke_jobs.event_times import BEGINNING, last_seen
from gke_jobs.json_access import Json, int_at, text_at
from gke_jobs.plain_text import log_lines, one_line
from gke_jobs.timeline.phases import slowest
from gke_jobs.timeline.record import Outcome, Record

MOST_EVENTS = 100
MOST_LOGS = 3  # logs of Pods that succeeded; those of others are in the diagnosis
CONSOLE = "https://console.cloud.google.com"


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """Events with the same message about one object. time: RFC 3339, '' if not known."""

    time: str
    about: str
    reason: str
    message: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Details:
    """logs: title and lines of each."""

    diagnosis: str = ""
    events: tuple[EventRow, ...] = ()
    logs: tuple[tuple[str, tuple[str, ...]], ...] = ()


def details_of(connection: Connection, namespace: str, seen: Seen, record: Record) -> Details:
    """Return the details from the diagnosis, and ends of logs that are read now. It takes at most 10 s."""
    wanted = _logs_of_success(record, seen)
    logs = read_logs(connection, namespace, wanted)
    return Details(
        diagnosis=diagnose(seen),
        events=tuple(event_rows(seen.events)),
        logs=tuple(
            (f"Pod {pod}", tuple(log_lines(log)[-LOG_LINES:]))
            for (pod, _), log in logs.items()
            if not log.startswith(LOG_GONE)
        ),
    )


def event_rows(events: Iterable[Json]) -> list[EventRow]:
    """Return the last events, newest last."""
    newest = sorted(events, key=last_seen)[-MOST_EVENTS:]
    return [
        EventRow(
            time="" if last_seen(event) == BEGINNING else last_seen(event).strftime("%Y-%m-%d %H:%M:%S"),
            about=one_line(
                f"{text_at(event, 'involvedObject', 'kind')} {text_at(event, 'involvedObject', 'name')}".strip()
            ),
            reason=one_line(text_at(event, "reason")),
            message=one_line(text_at(event, "message")),
            count=max(1, int_at(event, "series", "count") or int_at(event, "count")),
        )
        for event in newest
    ]


def links(record: Record) -> list[tuple[str, str]]:
    """Return links to the Job and its logs in the console, as text and address; none without a named cluster."""
    place = record.cluster.split("/")
    if len(place) != 3 or not all((*place, record.namespace, record.job)):
        return []
    project, location, cluster = (quote(part, safe="") for part in place)
    namespace, job = quote(record.namespace, safe=""), quote(record.job, safe="")
    query = [
        ("resource.type", "k8s_container"),
        ("resource.labels.location", location),
        ("resource.labels.cluster_name", cluster),
        ("resource.labels.namespace_name", namespace),
        ("labels.%22k8s-pod%2Fjob-name%22", job),
    ]
    terms = "%0A".join(f"{field}%3D%22{value}%22" for field, value in query)
    return [
        (
            "Job in Google Cloud console",
            f"{CONSOLE}/kubernetes/job/{location}/{cluster}/{namespace}/{job}/details?project={project}",
        ),
        ("Logs in Cloud Logging", f"{CONSOLE}/logs/query;query={terms}?project={project}"),
    ]


def _logs_of_success(record: Record, seen: Seen) -> list[tuple[str, str]]:
    programs = {text_at(pod, "metadata", "name"): main_container(pod) for pod in seen.pods or []}
    names = [pod.name for pod in slowest(record) if pod.outcome is Outcome.SUCCEEDED and programs.get(pod.name)]
    return [(name, programs[name]) for name in names[:MOST_LOGS]]
