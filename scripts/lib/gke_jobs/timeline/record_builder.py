"""Creates the record of a run from the Job, its Pods and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gke_jobs import labels
from gke_jobs.exit_codes import OUTCOMES
from gke_jobs.json_access import Json, at, dict_at, int_at, list_at, text_at, true_conditions
from gke_jobs.plain_text import one_line
from gke_jobs.timeline.node_clocks import by_cluster
from gke_jobs.timeline.pod_history import PodHistory
from gke_jobs.timeline.pod_runs import seconds_of
from gke_jobs.timeline.record import FAILED, NOT_FINISHED, SUCCEEDED, Identity, Record, Resources

INTERRUPTED = "interrupted"
MOST_RESOURCES = 10  # containers
RELEASE = Path(__file__).resolve().parents[4]  # the parent directory of `scripts`


@dataclass(frozen=True, kw_only=True)
class End:
    """The end of a run. status: its exit code, None if it continues; reason: the verdict; others: see Record."""

    status: int | None = None
    reason: str = ""
    cause: str = ""
    advice: str = ""
    deleted: bool = False


def make_record(job: Json, pods: PodHistory, end: End, now: float, *, cluster: str = "", log_bytes: int = 0) -> Record:
    """Return the record. job: its last state that was seen; now: seconds since the epoch."""
    conditions = true_conditions(job)
    finished = conditions.get("Complete") or conditions.get("Failed")
    created = seconds_of(text_at(job, "metadata", "creationTimestamp"))
    ended = seconds_of(text_at(finished, "lastTransitionTime"))
    completed = ended if "Complete" in conditions else None
    runs = tuple(by_cluster(run, completed) for run in pods.all())
    known = [time for run in runs for time in (run.created, run.scheduled) if time is not None]
    first = min(known, default=now) if created is None else created
    return Record(
        job=one_line(text_at(job, "metadata", "name")),
        namespace=one_line(text_at(job, "metadata", "namespace")),
        uid=one_line(text_at(job, "metadata", "uid")),
        cluster=one_line(cluster),
        version=version(RELEASE),
        identity=_identity(dict_at(job, "metadata", "annotations")),
        status=end.status,
        outcome=_outcome(end.status, job),
        reason=end.reason,
        cause=end.cause,
        advice=end.advice,
        price=one_line(text_at(job, "metadata", "annotations", labels.PRICE)),
        created=first,
        # The clock of this machine may be behind that of the cluster, and the clock of a node may be arbitrary.
        ended=max([first, *known, now]) if ended is None else max(first, ended),
        pods=runs,
        left_out=dict(pods.left_out),
        log_bytes=log_bytes,
        resources=tuple(_resources(job)),
        gang=_gang(job),
        deleted=end.deleted,
    )


def version(release: Path) -> str:
    """Return the name of the release; in a checkout, or a copy of one, only its version."""
    if (release / "MANIFEST").is_file():
        return one_line(release.name)
    try:
        return one_line((release / "scripts" / "VERSION").read_text(errors="replace"))
    except OSError:
        return ""


def _outcome(status: int | None, job: Json) -> str:
    if status is not None:
        return OUTCOMES.get(status, INTERRUPTED)
    conditions = true_conditions(job)
    if "Complete" in conditions:
        return SUCCEEDED
    return FAILED if "Failed" in conditions else NOT_FINISHED


def _gang(job: Json) -> int:
    if text_at(job, "metadata", "annotations", labels.GANG) != "true":
        return 0
    completions = at(job, "spec", "completions")
    parallelism = int_at(job, "spec", "parallelism")
    return min(parallelism, completions) if isinstance(completions, int) else parallelism


def _identity(annotations: Mapping[str, Json]) -> Identity:
    def text(key: str) -> str:
        return one_line(text_at(annotations, key))

    return Identity(
        environment=text(labels.AIRFLOW_ENVIRONMENT),
        dag_id=text(labels.DAG_ID),
        task_id=text(labels.TASK_ID),
        run_id=text(labels.RUN_ID),
        map_index=text(labels.MAP_INDEX),
        try_number=text(labels.TRY_NUMBER),
        profile=text(labels.PROFILE),
    )


def _resources(job: Json) -> list[Resources]:
    pod = dict_at(job, "spec", "template", "spec")
    found = [*list_at(pod, "initContainers"), *list_at(pod, "containers")]
    return [
        Resources(
            container=one_line(text_at(one, "name")),
            image=one_line(text_at(one, "image")),
            requests=_quantities(one, "requests"),
            limits=_quantities(one, "limits"),
        )
        for one in found[:MOST_RESOURCES]
    ]


def _quantities(container: Json, kind: str) -> str:
    asked = dict_at(container, "resources", kind)
    return ", ".join(f"{one_line(name)} {one_line(str(quantity))}" for name, quantity in sorted(asked.items()))
