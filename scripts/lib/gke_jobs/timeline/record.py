"""The record of a run: one Job, each of its Pods, how it ended.

All texts are sanitized, all times are seconds since the epoch. A record can be converted to JSON, for the check state
and for the command that prints it later (command.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any

from gke_jobs import exit_codes
from gke_jobs.json_access import Json, dict_at, int_at, list_at, text_at
from gke_jobs.plain_text import one_line


class Outcome(Enum):
    """The outcome or present state of a Pod; the value is for users."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OUT_OF_MEMORY = "out of memory"
    PREEMPTED = "preempted"
    EVICTED = "evicted"
    REMOVED = "removed"
    STUCK = "cannot start"
    WAITING = "no node"
    STARTING = "starting"
    RUNNING = "running"
    LOST = "node lost"

    @property
    def is_over(self) -> bool:
        """Whether the Pod has ended."""
        return self in OVER


OVER = frozenset(
    (
        *(Outcome.SUCCEEDED, Outcome.FAILED, Outcome.OUT_OF_MEMORY),
        *(Outcome.PREEMPTED, Outcome.EVICTED, Outcome.REMOVED),
    )
)

# Outcomes of a run.
SUCCEEDED, FAILED, NOT_FINISHED = (
    exit_codes.OUTCOMES[code] for code in (exit_codes.SUCCEEDED, exit_codes.JOB_FAILED, exit_codes.NOT_FINISHED)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PodRun:
    """One Pod. A time is None if it has not come yet, or Kubernetes does not report it.

    index: of an Indexed Job, else ''; spot: whether the Pod asks for a spot node, as the right to read nodes is
    missing; prepared: volumes and network are ready; started: its first container
    exit_code: of the program; reason: why it ended or does not start, one word of Kubernetes
    last_oom: when it was last OOMKilled, RFC 3339
    """

    uid: str
    name: str
    index: str = ""
    node: str = ""
    spot: bool = False
    created: float | None = None
    scheduled: float | None = None
    prepared: float | None = None
    started: float | None = None
    ended: float | None = None
    outcome: Outcome = Outcome.WAITING
    reason: str = ""
    exit_code: int | None = None
    restarts: int = 0
    oom_kills: int = 0
    last_oom: str = ""

    def to_json(self) -> Json:
        """Return the Pod as a list, which is short: a Job may have thousands."""
        return [value.name if isinstance(value := getattr(self, name), Enum) else value for name in POD_FIELDS]


POD_FIELDS = [one.name for one in fields(PodRun)]
TIMES = ("created", "scheduled", "prepared", "started", "ended")
TEXTS = ("uid", "name", "index", "node", "reason", "last_oom")
COUNTS = ("restarts", "oom_kills")


def pod_from_json(item: Json) -> PodRun | None:
    """Return the Pod from the output of `to_json`; None for any other value."""
    if not isinstance(item, list) or len(item) != len(POD_FIELDS):
        return None
    given: dict[str, Any] = dict(zip(POD_FIELDS, item, strict=True))
    code, outcome = given["exit_code"], given["outcome"]
    if not isinstance(outcome, str) or outcome not in Outcome.__members__:
        return None
    given |= {name: one_line(given[name]) for name in TEXTS}
    given |= {name: _time(given[name]) for name in TIMES}
    given |= {name: value if type(value := given[name]) is int else 0 for name in COUNTS}
    given |= {"spot": given["spot"] is True, "exit_code": code if type(code) is int else None}
    return PodRun(**{**given, "outcome": Outcome[outcome]})


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The task instance of a Job, '' if it has none, and the profile of its nodes."""

    environment: str = ""
    dag_id: str = ""
    task_id: str = ""
    run_id: str = ""
    map_index: str = ""
    try_number: str = ""
    profile: str = ""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The resources of one container, as `cpu 2, memory 4Gi`."""

    container: str
    image: str
    requests: str
    limits: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run.

    cluster: PROJECT/LOCATION/NAME, '' if it was not named; version: of the toolkit
    status: the exit code of the run, None if it continues; outcome: as text; reason: the verdict
    cause, advice: of the diagnosis, '' for none
    price: of a Pod and hour, the text of price.py; '' if the team has no prices
    created, ended: of the Job; if it is not finished, `ended` is the end of the run
    left_out: how many Pods are not in `pods`, by outcome, because there were more than keeping.MOST_PODS
    log_bytes: of the container logs that were printed
    gang: how many Pods the Job must have at once, if they are useful only all together, else 0
    deleted: the Job is deleted before it is finished, by others or by run-job
    """

    job: str
    namespace: str = ""
    uid: str = ""
    cluster: str = ""
    version: str = ""
    identity: Identity = Identity()
    status: int | None = None
    outcome: str = ""
    reason: str = ""
    cause: str = ""
    advice: str = ""
    price: str = ""
    created: float = 0.0
    ended: float = 0.0
    pods: tuple[PodRun, ...] = ()
    left_out: Mapping[Outcome, int] = field(default_factory=dict)
    log_bytes: int = 0
    resources: tuple[Resources, ...] = ()
    gang: int = 0
    deleted: bool = False

    @property
    def waste(self) -> str:
        """The reason of the waste for Pods that still run at the end, such as `timed_out`; '' if they continue."""
        return self.outcome.replace(" ", "_") if self.deleted or self.outcome == FAILED else ""

    @property
    def seconds(self) -> float:
        """The duration, with the microseconds of Kubernetes' times."""
        return max(0.0, round(self.ended - self.created, 6))

    def to_json(self) -> Json:
        """Return the record as a JSON object."""
        return {
            **{name: getattr(self, name) for name in (*RECORD_TEXTS, *RECORD_OTHERS)},
            "identity": asdict(self.identity),
            "pods": [pod.to_json() for pod in self.pods],
            "left_out": {outcome.name: count for outcome, count in self.left_out.items()},
            "resources": [asdict(one) for one in self.resources],
        }


RECORD_OTHERS = ("status", "created", "ended", "log_bytes", "gang", "deleted")
RECORD_TEXTS = ("job", "namespace", "uid", "cluster", "version", "outcome", "reason", "cause", "advice", "price")


def record_from_json(found: Json) -> Record:
    """Return the record from the output of `Record.to_json`; missing fields are empty."""
    counts = dict_at(found, "left_out")
    return Record(
        **{name: text_at(found, name) for name in RECORD_TEXTS},
        status=int_at(found, "status") if isinstance(dict_at(found).get("status"), int) else None,
        created=_time(dict_at(found).get("created")) or 0.0,
        ended=_time(dict_at(found).get("ended")) or 0.0,
        log_bytes=int_at(found, "log_bytes"),
        gang=int_at(found, "gang"),
        deleted=dict_at(found).get("deleted") is True,
        identity=Identity(**{one.name: text_at(found, "identity", one.name) for one in fields(Identity)}),
        pods=tuple(pod for item in list_at(found, "pods") if (pod := pod_from_json(item))),
        left_out={Outcome[name]: int_at(counts, name) for name in counts if name in Outcome.__members__},
        resources=tuple(
            Resources(**{one.name: text_at(item, one.name) for one in fields(Resources)})
            for item in list_at(found, "resources")
        ),
    )


def _time(value: Json) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
