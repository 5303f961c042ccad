"""The state of a deferred task: the arguments of its trigger, and the options of run-job when the task is resumed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

from .compat import resume_arguments
from .trigger import GkeJobTrigger

UNREACHABLE_SECONDS = 600
DEFAULTS = {"start_timeout": 300, "unreachable_timeout": UNREACHABLE_SECONDS}  # the defaults of run-job, in seconds
LIMITS = ("timeout", "schedule_timeout", "start_timeout", "unreachable_timeout", "logging_interval")


def seconds(time: float | timedelta | None) -> float | None:
    """Returns a time in seconds."""
    return time.total_seconds() if isinstance(time, timedelta) else time


def limits_from(times: Mapping[str, float | timedelta | None]) -> dict[str, float | None]:
    """Returns the limits of a wait in seconds, by the names of LIMITS; None for no limit.

    :param times: the arguments of the operator with these names
    """
    limits = {name: seconds(times[name]) for name in LIMITS}
    for name, default in DEFAULTS.items():
        limits[name] = limits[name] or default
    return limits


@dataclass(frozen=True, kw_only=True)
class Deferral:
    """The wait of one try of a task for its Job. Its fields are JSON, because Airflow stores them in its database.

    :param job: the XCom `job`: name, namespace, uid and cluster
    :param airflow_environment: the name of this Airflow environment
    :param submitted_at: when the submission of the Job started, in seconds since the epoch
    :param execution_timeout_at: when `execution_timeout` expires, in seconds since the epoch; None without one
    :param limits: seconds by the names of LIMITS; None for no limit
    :param deletes: whether the Job is deleted when the task is ended
    :param since: since when the Job lacks nodes or cannot start, as the last trigger reported it
    :param check_state: the state that the last check left for the next one (`run-job --check-state`). It is a string,
        because it contains results of containers, and PostgreSQL refuses JSON with a NUL in a string
    """

    job: dict[str, Any]
    airflow_environment: str
    submitted_at: float
    execution_timeout_at: float | None
    limits: dict[str, float | None]
    deletes: bool
    since: dict[str, float | None] = field(default_factory=dict)
    check_state: str = "{}"

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Deferral:
        """Returns the wait that an event of a trigger belongs to."""
        return cls(**{**event["deferral"], "since": dict(event["since"])})

    def after_check(self, check_state: Mapping[str, Any], limits: dict[str, float | None]) -> Deferral:
        """Returns the wait after a check that found the Job unfinished.

        :param check_state: the state that this check left for the next one
        :param limits: the current limits of the task; the DAG may have changed since the wait began
        """
        return replace(self, check_state=json.dumps(check_state), limits=limits)

    def is_execution_timeout_over(self, now: float) -> bool:
        """Returns whether `execution_timeout` has expired.

        :param now: seconds since the epoch
        """
        return self.execution_timeout_at is not None and now >= self.execution_timeout_at

    def trigger(self) -> GkeJobTrigger:
        """Returns the trigger that continues the wait."""
        timeout = self.limits["timeout"]
        timeout_at = None if timeout is None else self.submitted_at + timeout
        ends = [end for end in (self.execution_timeout_at, timeout_at) if end is not None]
        return GkeJobTrigger(
            cluster=self.job["cluster"],
            namespace=self.job["namespace"],
            job=self.job["name"],
            uid=self.job["uid"],
            airflow_environment=self.airflow_environment,
            limits={"timeout_at": min(ends, default=None), **{name: self.limits[name] for name in LIMITS[1:]}},
            since=self.since,
            deletes=self.deletes,
            deferral=asdict(self),
        )

    def options(self, now: float) -> dict[str, Any]:
        """Returns the options with which run-job checks the Job.

        :param now: seconds since the epoch
        """
        options: dict[str, Any] = {
            "job": self.job["name"],
            "namespace": self.job["namespace"],
            "uid": self.job["uid"],
            "waited": _waited(self.submitted_at, now),
            "waited_for_nodes": _waited(self.since.get("lacks_nodes"), now),
            "waited_to_start": _waited(self.since.get("cannot_start"), now),
        }
        if self.is_execution_timeout_over(now):
            options["timeout"] = 1
        return options


def job_of_task_ended_before_resume() -> dict[str, Any] | None:
    """Returns the XCom `job` of a task that Airflow 2.11 ends before it calls `resume`; None if it resumes no task."""
    event = resume_arguments().get("event")
    return Deferral.from_event(event).job if event else None


def _waited(since: float | None, now: float) -> int | None:
    return None if since is None else max(0, math.ceil(now - since))
