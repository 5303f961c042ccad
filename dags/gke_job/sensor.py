"""The Airflow sensor that waits for a Job that another task has submitted."""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

from . import paths
from .arguments import exit_codes
from .cluster import GkeCluster
from .command import command
from .compat import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    BaseSensorOperator,
    Context,
    PokeReturnValue,
    conf,
)
from .deferral import UNREACHABLE_SECONDS
from .instance import script_variables
from .run_directory import RunDirectory
from .runner import Runner
from .trigger import GkeJobTrigger

FAILED, NOT_FINISHED = 1, 75  # exit codes of poll-job
FIELDS = ("name", "namespace", "uid", "cluster")


class GkeJobSensor(BaseSensorOperator):
    """Waits until a Job is complete, and returns its result. Another DAG may have submitted the Job.

    The sensor does not change the Job: it does not delete it when the sensor is killed or its `timeout` expires, and
    does not mark its result as collected. It does not print the logs of Pods: the task that submitted the Job, and
    Cloud Logging, have them.

    :param job: the XCom `job` of a GkeJobOperator: `{"name": ..., "namespace": ..., "uid": ..., "cluster": {...}}`,
        e.g. `submit.output` of an operator with `wait_for_completion=False` (templated)
    :param result_required: as for GkeJobOperator
    :param skip_on_exit_code: as for GkeJobOperator
    :param deferrable: whether it waits in the triggerer; by default `default_deferrable` of the section `operators` in
        airflow.cfg. Then `poke_interval` and `mode` have no effect
    :param kwargs: the arguments of any sensor: `timeout`, `mode`, `poke_interval`, ...
    :raises ValueError: `skip_on_exit_code` has a value that is not an integer from 1 to 255
    """

    template_fields: Sequence[str] = ("job",)
    template_fields_renderers = {"job": "json"}  # noqa: RUF012 # as BaseSensorOperator declares it

    def __init__(
        self,
        *,
        job: Any,
        result_required: bool = False,
        skip_on_exit_code: int | Collection[int] | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.result_required = result_required
        self.skipped_exit_codes = exit_codes(skip_on_exit_code)
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable

    @cached_property
    def runner(self) -> Runner:
        """The Runner of the scripts."""
        return Runner(self.log)

    def execute(self, context: Context) -> Any:
        """Waits in the worker or in the triggerer; returns the result of the Job.

        :raises AirflowException: the Job has failed, or cannot be read
        """
        if not self.deferrable:
            self.log.info("gke-job %s", paths.version())
            # Unwrapped, because in Airflow 2 the decorator of `execute` logs a warning about a call from a subclass.
            return inspect.unwrap(BaseSensorOperator.execute)(self, context)
        return self.resume(context, {"ends": time.time() + self.timeout})

    def poke(self, context: Context) -> PokeReturnValue:
        """Checks the Job once; returns whether it is complete, and its result."""
        is_done, result = self._check()
        return PokeReturnValue(is_done, result)

    def resume(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Checks the Job; returns its result, or defers the sensor again.

        :param event: the payload of the event of GkeJobTrigger
        """
        self.log.info("gke-job %s", paths.version())
        is_done, result = self._check()
        if is_done:
            return result
        ends = event.get("deferral", event)["ends"]
        if time.time() >= ends:
            raise AirflowSensorTimeout(f"Job {self.job['name']} is not finished after {self.timeout:g} s")
        trigger = GkeJobTrigger(
            cluster=self.job["cluster"],
            namespace=self.job["namespace"],
            job=self.job["name"],
            uid=self.job["uid"],
            airflow_environment="",
            limits={"timeout_at": ends, "unreachable_timeout": UNREACHABLE_SECONDS},
            deletes=False,
            deferral={"ends": ends},
        )
        self.defer(trigger=trigger, method_name="resume")
        return None

    def on_kill(self) -> None:
        """Ends the running script."""
        if self.runner.is_running():
            self.runner.end(keep_job=True)

    def _check(self) -> tuple[bool, Any]:
        job = self.job if isinstance(self.job, Mapping) else {}
        if missing := [field for field in FIELDS if not job.get(field)]:
            problem = f"argument job is {self.job!r}, which has no {', '.join(missing)}"
            raise AirflowFailException(f"{problem}: give the XCom `job` of a GkeJobOperator")
        try:
            GkeCluster(**job["cluster"]).arguments()
        except (TypeError, ValueError) as error:
            raise AirflowFailException(f"argument job is {self.job!r}, whose cluster is not valid: {error}") from None
        try:
            self._run("poll-job")
        except AirflowException as error:
            if self.runner.status == NOT_FINISHED:
                return False, None
            if self.runner.status == FAILED:
                error = self._with_diagnosis(error)
            raise error.with_traceback(None) from None
        result = self._run("collect-job", mark="later", result_required=self.result_required)
        return True, json.loads(result)

    def _with_diagnosis(self, error: AirflowException) -> AirflowException:
        """Returns the exception of follow-job, which has the reason, instead of the exception of poll-job."""
        try:
            self._run("follow-job", logs="none")
        except AirflowException as error_with_diagnosis:
            return error_with_diagnosis
        return error

    def _run(self, script: str, **options: Any) -> str:
        cluster = GkeCluster(**self.job["cluster"]).arguments()
        job_options = {"job": self.job["name"], "namespace": self.job["namespace"], "uid": self.job["uid"]}
        directory = RunDirectory()
        try:
            directory.write_job(self.job["name"], self.job["namespace"])
            return self.runner.run(
                command(script, *cluster, **job_options, **options),
                directory,
                variables=script_variables(os.environ),
                cluster=" ".join(cluster),
                skipped=self.skipped_exit_codes,
            )
        finally:
            directory.remove()
