"""The output of list-jobs: the description of a Job, the filters, and the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gke_jobs import labels
from gke_jobs.following.phases import Phase
from gke_jobs.json_access import Json, at, count_at, dict_at, list_at, text_at, true_conditions
from gke_jobs.plain_text import duration, one_line, parse_time
from gke_jobs.text_width import columns, cut, padded

STATES = ("Pending", "Running", "Suspended", "Deleting", "Complete", "Failed")
COLUMNS = {  # the columns of the table, each with its field of a description
    "NAMESPACE": "namespace",
    "JOB": "job",
    "STATE": "state",
    "AGE": "age",
    "DURATION": "duration",
    "PHASE": "phase",
    "POOL": "node_pool",
    "GPU": "gpu",
    "PROFILE": "profile",
}
WIDEST = 50  # the maximum width of a cell, in columns of a terminal
POOLS = ("cloud.google.com/gke-nodepool", "cloud.google.com/compute-class")  # labels of nodes
GPU_TYPES = ("cloud.google.com/gke-accelerator", "cloud.google.com/gke-tpu-accelerator")  # labels of nodes
GPUS = ("nvidia.com/gpu", "amd.com/gpu", "google.com/tpu")  # resources
OWNER = {  # the names in identity.Run
    "environment": labels.AIRFLOW_ENVIRONMENT,
    "dag_id": labels.DAG_ID,
    "task_id": labels.TASK_ID,
    "run_id": labels.RUN_ID,
    "map_index": labels.MAP_INDEX,
    "detached": labels.DETACHED,
}


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The filters of the list. Ages are in seconds; '' and None do not filter."""

    dag_id: str = ""
    state: str = ""
    older_than: int | None = None
    newer_than: int | None = None

    def match(self, job: Json, now: datetime) -> bool:
        """Whether a Job matches. A Job without a time is neither old nor new."""
        if not self._match_others(job):
            return False
        if self.older_than is None and self.newer_than is None:
            return True
        age = _age(job, now)
        is_older = self.older_than is None or (age is not None and age >= self.older_than)
        return is_older and (self.newer_than is None or (age is not None and age < self.newer_than))

    def seconds_to_change(self, job: Json, now: datetime) -> float | None:
        """Return after how many seconds a Job starts or ceases to match only because of its age; None for never."""
        age = _age(job, now) if self._match_others(job) else None
        if age is None:
            return None
        left = [limit - age for limit in (self.older_than, self.newer_than) if limit is not None]
        return min((seconds for seconds in left if seconds > 0), default=None)

    def _match_others(self, job: Json) -> bool:
        if self.dag_id and text_at(dict_at(job, "metadata", "annotations"), labels.DAG_ID) != self.dag_id:
            return False
        return not self.state or state(job) == self.state


def _age(job: Json, now: datetime) -> float | None:
    created = parse_time(text_at(job, "metadata", "creationTimestamp"))
    return (now - created).total_seconds() if created else None


def describe(job: Json, now: datetime, phases: Iterable[Phase] = ()) -> dict[str, str]:
    """Return the description of one Job. All values are text, unchanged from the Job; '' if it lacks one.

    phases: of its Pods
    """
    metadata = dict_at(job, "metadata")
    annotations = dict_at(metadata, "annotations")
    created = parse_time(metadata.get("creationTimestamp"))
    pod = dict_at(job, "spec", "template", "spec")
    described = {
        "job": text_at(metadata, "name"),
        "namespace": text_at(metadata, "namespace"),
        "uid": text_at(metadata, "uid"),
        "state": state(job),
        "age": duration(created, now) if created else "",
        "duration": _duration(job, now),
        "phase": _phases(Counter(phases)),
        "node_pool": _first(dict_at(pod, "nodeSelector"), POOLS),
        "gpu": _gpu(pod),
        "profile": text_at(annotations, labels.PROFILE),
    }
    return described | {key: text_at(annotations, label) for key, label in OWNER.items()}


def state(job: Json) -> str:
    """Return Complete, Failed, Suspended, Deleting, Running or Pending."""
    conditions = true_conditions(job)
    for word in ("Complete", "Failed", "Suspended"):
        if word in conditions:
            return word
    if at(job, "metadata", "deletionTimestamp"):
        return "Deleting"
    return "Running" if at(job, "status", "ready") else "Pending"


def _duration(job: Json, now: datetime) -> str:
    """Return for how long a Job has run since it first started. A suspended Job does not run."""
    start, conditions = parse_time(text_at(job, "status", "startTime")), true_conditions(job)
    end = conditions.get("Complete") or conditions.get("Failed")
    return duration(start, parse_time(text_at(end, "lastTransitionTime")) or now) if start else ""


def _phases(counts: Counter[Phase]) -> str:
    if counts.total() == 1:
        return next(iter(counts)).value
    return ", ".join(f"{counts[phase]} {phase.value}" for phase in Phase if counts[phase])


def _gpu(pod: Json) -> str:
    """Return the number of GPUs or TPU chips that a Pod requests, and their type if it names one."""
    for resource in GPUS:
        if number := sum(count_at(one, "resources", "limits", resource) for one in list_at(pod, "containers")):
            return f"{number} {_first(dict_at(pod, 'nodeSelector'), GPU_TYPES) or resource}"
    return ""


def _first(selector: Json, names: Sequence[str]) -> str:
    return next((found for name in names if (found := text_at(selector, name))), "")


def owner(job: dict[str, str]) -> str:
    """Return the task instance of a described Job as text, `manual` if there is none."""
    if not job["dag_id"]:
        return "manual"
    index = "" if job["map_index"] in ("-1", "") else f"[{job['map_index']}]"
    environment = f"{job['environment']}: " if job["environment"] else ""
    return f"{environment}{job['dag_id']} {job['task_id']}{index} {job['run_id']}"


def table(jobs: Iterable[dict[str, str]], *, namespaces: bool = False) -> str:
    """Return described Jobs as lines of text. namespaces: whether to include the namespace of each."""
    heads = list(COLUMNS)[0 if namespaces else 1 :]
    rows = [(*heads, "TASK")]
    rows += [tuple(map(one_line, (*(job[COLUMNS[head]] for head in heads), owner(job)))) for job in jobs]
    widths = [min(WIDEST, max(columns(row[number]) for row in rows)) for number in range(len(heads))]
    lines = ("  ".join([*map(padded, row, widths), row[-1]]) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def fitted(table_text: str, width: int, lines: int) -> str:
    """Return a table that fits a terminal: its heading and as many of the newest Jobs as fit, with lines cut."""
    heading, *rows = table_text.splitlines()
    room = max(1, lines - 2)  # one line for the heading, and one for the cursor
    if len(rows) > room:
        hidden = len(rows) - room + 1
        rows = [f"({hidden} older Jobs are not shown)", *rows[hidden:]]
    return "".join(f"{cut(line, width)}\n" for line in [heading, *rows])
