"""A Job as a group of tasks that holds no worker slot while the Job runs."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from gke_job.compat import AirflowException, BaseSensorOperator, Context, TaskGroup, is_first_look
from gke_job.operator import GkeJobOperator

FAILED, NOT_FINISHED = 1, 75  # exit codes of poll-job
START_SECONDS = 300  # as follow-job's
NO_LIMIT = timedelta(days=3650)
# What the stages after the first do not need: their tasks need not wait for whoever makes it.
OF_THE_MANIFEST = ("manifest", "values", "map_values", "profile", "profile_for", "profiles", "escalate", "fallback")


class GkeJobGroup(TaskGroup):
    """What `gke_job_group` makes; `output` is the Job's result."""

    @property
    def output(self) -> Any:
        """The result, for other tasks, as `GkeJobOperator.output`."""
        collect: Any = self.children[f"{self.group_id}.collect"]
        return collect.output


def gke_job_group(
    group_id: str,
    *,
    poke_interval: float | timedelta = 15,
    max_wait: float | timedelta = 300,
    timeout: float | timedelta | None = None,
    **job: Any,
) -> GkeJobGroup:
    """Runs a Job as GkeJobOperator does, in four tasks of which none occupies a worker slot while the Job runs.

    `submit` creates it. `wait` looks how it is, less and less often, and prints the Pods' logs when it has ended.
    `collect` returns the result. `clean_up`, a teardown, deletes the Job if it runs although the others are over: when
    somebody has marked `wait`, when the DAG run was ended, when `timeout` is over.

    A retry of `wait` submits a failed Job anew. A Job that lives is attached to, also when `wait` was cleared. A look
    that finds a Pod that cannot be started stays until it can, or fails after `start_timeout`.

    :param group_id: id of the task group, and the beginning of its tasks' ids
    :param poke_interval: about the time between the first two looks, in seconds or a timedelta; it doubles
    :param max_wait: the longest time between two looks, likewise
    :param timeout: time from the first look, all tries together; then `wait` fails, without a retry
    :param job: as for GkeJobOperator, except for what only a task that stays with its Job can do:
        `schedule_timeout`, `heartbeat`, `max_log_streams` and `on_kill_action`
    """
    rest = {"template": "", **{name: value for name, value in job.items() if name not in OF_THE_MANIFEST}}
    group = GkeJobGroup(group_id)
    with group:
        # The other tasks read what submit has pushed, whatever is to become of the result.
        submit = SubmitGkeJob(task_id="submit", **{**job, "do_xcom_push": True})
        wait = WaitForGkeJob(
            task_id="wait",
            job=submit.output,
            poke_interval=_seconds(poke_interval),
            max_wait=timedelta(seconds=_seconds(max_wait)),
            limit=_seconds(timeout or NO_LIMIT),
            **{"start_timeout": START_SECONDS, **job},
        )
        collect = CollectGkeJob(task_id="collect", job=submit.output, **rest)
        clean_up = CleanUpGkeJob(task_id="clean_up", job=submit.output, **rest)
        submit >> wait >> collect >> clean_up.as_teardown(setups=submit)
    return group


class SubmitGkeJob(GkeJobOperator):
    """Creates the Job, or attaches to it; returns `{"job": name, "namespace": ..., "uid": ...}`."""

    operator_extra_links = ()

    def execute(self, context: Context) -> Any:
        """Runs submit-job."""
        names = ("on_change", "validate", "escalate", "fallback", "unreachable_timeout")
        submitted = self._run_with_values(context, "submit-job", **{name: self.options[name] for name in names})
        return dict(zip(("job", "namespace", "uid"), submitted.split(), strict=True))


class _LaterStage(SubmitGkeJob):
    """A stage of a Job that was submitted.

    :param job: what SubmitGkeJob has returned (templated)
    """

    template_fields: Sequence[str] = (*SubmitGkeJob.template_fields, "job")

    def __init__(self, *, job: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    def _run_stage(self, context: Context, script: str, **options: Any) -> str:
        return self._run(
            context, script, unreachable_timeout=self.options["unreachable_timeout"], **options, **self.job
        )

    def _is_finished(self, context: Context, **options: Any) -> bool:
        try:
            self._run_stage(context, "poll-job", **options)
        except AirflowException:
            status = self.runner.status
            if status not in (FAILED, NOT_FINISHED):
                raise
            return bool(status == FAILED)
        return True


class WaitForGkeJob(_LaterStage, BaseSensorOperator):
    """Looks at the Job now and then; succeeds when it is complete.

    What Airflow retries is a task, not a group. So the first look of a retry submits the Job anew, in the name of the
    task `submit`; from then on it is known by its name alone, which is the same.

    :param limit: seconds, as `timeout` of any sensor
    """

    def __init__(self, *, limit: float, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", exponential_backoff=True, **kwargs)
        self.timeout = limit

    def execute(self, context: Context) -> Any:
        """Looks, as sensors do."""
        return inspect.unwrap(BaseSensorOperator.execute)(self, context)

    def poke(self, context: Context) -> bool:
        """Runs poll-job; when the Job has ended, follow-job, for the logs and the reason."""
        if context["ti"].try_number > 1:
            if is_first_look(context):
                self.job = super().execute(context)
            del self.job["uid"]
        if not self._is_finished(context, start_timeout=self.options["start_timeout"]):
            return False
        self._run_stage(context, "follow-job")
        return True

    def get_env(self, context: Context) -> dict[str, str]:
        """Returns the environment in which the Job is that of the task `submit`."""
        return {**super().get_env(context), "AIRFLOW_CTX_TASK_ID": self.task_id.removesuffix("wait") + "submit"}


class CollectGkeJob(_LaterStage):
    """Returns the result of a complete Job."""

    def execute(self, context: Context) -> Any:
        """Runs collect-job."""
        del self.job["uid"]  # of the first try
        return self._returned(context, self._run_stage(context, "collect-job", result_required=self.result_required))


class CleanUpGkeJob(_LaterStage):
    """Deletes the Job unless it is finished."""

    def execute(self, context: Context) -> None:
        """Runs poll-job and, where that finds the Job unfinished, delete-job."""
        del self.job["uid"]
        if not self._is_finished(context):
            self._run_stage(context, "delete-job")


def _seconds(time: float | timedelta) -> float:
    return time.total_seconds() if isinstance(time, timedelta) else time
