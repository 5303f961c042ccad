"""The Airflow operator that runs one Kubernetes Job."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from . import arguments, deferral, kills, paths, results
from .arguments import Logs, OnChange, OnKill, Validate
from .cluster import GkeCluster
from .command import command
from .compat import AirflowException, AirflowTaskTimeout, BashOperator, Context, conf
from .deferral import Deferral
from .instance import airflow_environment, cleared
from .links import operator_links
from .masking import mask
from .repeat import log_repetition
from .report import Report
from .runner import Runner
from .values import merged, plain

NOT_FINISHED, TIMED_OUT = 75, 124  # exit codes of run-job
OF_SUBMIT_JOB = ("escalate", "fallback", "validate", "timeout", "schedule_timeout", "unreachable_timeout", "on_change")


class GkeJobOperator(BashOperator):
    """Runs a Kubernetes Job on a GKE cluster: creates it, streams its logs, returns its result.

    The work is done by `scripts/run-job`, whose --help says more of each option. The return value is what the container
    wrote to `/dev/termination-log`: decoded JSON, or text, or None. The exception of a failed task, which callbacks
    find in their context, has the reason, the advice, the Job, the cluster and where its logs are.

    A time is a number of seconds or a timedelta.

    :param template: name of a file in `templates/` without `.yaml.j2`, or an absolute path (templated)
    :param manifest: instead of `template` and `values`, a Job as a dict, in the words of the Kubernetes API, or a list
        of a Job and the ConfigMaps and Services that it owns. The name is set by the toolkit. Do not fill it from an
        XCom or a param that others can set (templated)
    :param values: what the template is filled with. Jinja strings and XComArgs may stand anywhere in it; an XComArg
        keeps its Python type. Must be JSON: dict, list, str, int, float, bool, None. What a key with a sensitive name
        holds, as Airflow has it (`password`, `token`, ...), shows neither in the log nor in the UI (templated)
    :param map_values: what each of mapped tasks has of its own, merged over the `values` of `partial`; a dict in both
        is merged in the same way (templated)
    :param profile: an entry of `templates/profiles.yaml`: where and how big the Job runs (templated)
    :param profile_for: instead of `profile`, what it must be big enough for: `{"bytes": 73_000_000_000}` (templated)
    :param profiles: a YAML file with profiles and prices of the team, which override `templates/profiles.yaml`
        (templated)
    :param escalate: whether a retry after an OOMKilled takes the next larger profile
    :param fallback: whether a retry takes the fallback of the profile when the last try was lost to preemption, or got
        no nodes within `schedule_timeout`; a task that is cleared begins with `profile` again
    :param validate: how the manifest is looked at before it is sent
    :param cluster: where it runs; by default the current context of the worker's kubeconfig (fields templated)
    :param namespace: Kubernetes namespace; by default the template's, else the context's (templated)
    :param timeout: time from submitting to the result; then the Job is deleted and the task fails
    :param schedule_timeout: the same for the time in which no Pod of the Job has a node, of a distributed Job not all
        of them, or a quota keeps Job or Pods from being created
    :param start_timeout: the same for the time in which a Pod cannot be started (no such image, Secret, ...), or
        the cluster refuses to create Pods
    :param unreachable_timeout: the task fails when the cluster does not answer for so long; the Job goes on
    :param heartbeat: interval from the last message to a progress message
    :param max_log_streams: containers whose logs are read at the same time
    :param logs: whose logs are printed: those of all containers, of those that failed, or none
    :param multiple_outputs: whether of a result that is a JSON object each key is an XCom as well, so that
        `job.output["loss"]` is one of its values. A key that is no plain name (1 to 250 letters, digits, `_`, `.`, `-`;
        not `.`, `..`, `return_value`, `job`, `timing` or `_link_...`) is in the return value only. Read what may be
        null from the return value: Airflow 3 fails a task that is given an XCom of None. A result that is no object is
        no error
    :param result_required: whether the task fails, without a retry, when the Job is complete and its container, or that
        of any index of an Indexed Job, has left no result
    :param skip_on_exit_code: exit codes of the container for which the task is skipped, not failed, when the Job fails:
        one or several. That of the Pod that failed last counts; of an Indexed Job, that of each failed index
    :param wait_for_completion: False: the task succeeds when the Job is submitted, and returns `{"name": ...,
        "namespace": ..., "uid": ..., "cluster": {...}}`, which is the XCom `job` as well. Nobody deletes the Job then,
        and its times count for the submission alone
    :param deferrable: whether the task waits in the triggerer and holds no worker slot while the Job runs; by default
        as `default_deferrable` of the section `operators` in airflow.cfg. Everything else stays as it is, but for the
        logs: they are printed at the end, and every `logging_interval`
    :param logging_interval: time between two resumptions of a deferred task that print the logs so far; by default
        they are printed at the end
    :param report: where to leave a report of the run, one HTML file: a path on the worker, or `gs://BUCKET/NAME.html`.
        A failure to write it is a warning (templated)
    :param on_change: when this task still runs a Job of another manifest: fail, attach to it, or replace it
    :param on_kill_action: whether a killed task deletes its Job or keeps it running, for the next try to attach to;
        auto: deletes it when somebody has marked or cleared the task, when it took longer than `execution_timeout`, and
        when there is no next try; keeps it when the worker is being stopped. A worker that dies always keeps it
    :param kwargs: as for BashOperator; `env` is that of run-job, not of the container, and needs `append_env=True`
    """

    template_fields: Sequence[str] = (
        "template",
        "manifest",
        "values",
        "map_values",
        "profile",
        "profile_for",
        "profiles",
        "cluster",
        "namespace",
        "report",
    )
    # As BashOperator declares it: no ClassVar.
    template_fields_renderers = dict.fromkeys(("manifest", "values", "map_values", "profile_for", "cluster"), "json")
    operator_extra_links = operator_links()
    template_ext: Sequence[str] = ()  # a value that ends in .sh is a value, not a file to load

    def __init__(
        self,
        *,
        template: str | None = None,
        manifest: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        values: Mapping[str, Any] | None = None,
        map_values: Mapping[str, Any] | None = None,
        profile: str | None = None,
        profile_for: Mapping[str, Any] | None = None,
        profiles: str | None = None,
        escalate: bool = False,
        fallback: bool = False,
        validate: Validate | None = None,
        cluster: GkeCluster | None = None,
        namespace: str | None = None,
        timeout: float | timedelta | None = None,
        schedule_timeout: float | timedelta | None = None,
        start_timeout: float | timedelta | None = None,
        unreachable_timeout: float | timedelta | None = None,
        heartbeat: float | timedelta | None = None,
        max_log_streams: int | None = None,
        logs: Logs | None = None,
        multiple_outputs: bool = True,
        result_required: bool = False,
        wait_for_completion: bool = True,
        deferrable: bool | None = None,
        logging_interval: float | timedelta | None = None,
        skip_on_exit_code: int | Collection[int] | None = None,
        report: str | None = None,
        on_change: OnChange | None = None,
        on_kill_action: OnKill = "auto",
        **kwargs: Any,
    ) -> None:
        arguments.check_others(type(self), kwargs)
        # The keys are pushed here, because Airflow pushes them all; and the exit codes of the scripts skip nothing.
        super().__init__(bash_command="", multiple_outputs=False, skip_on_exit_code=None, **kwargs)
        arguments.check_environment(self.env, self.append_env)
        arguments.check_choices(validate=validate, logs=logs, on_change=on_change, on_kill_action=on_kill_action)
        arguments.check_sources(template, manifest, values, map_values, cluster)
        arguments.check_profile(manifest, profile, profile_for, profiles)
        arguments.check_switches(
            multiple_outputs=multiple_outputs,
            result_required=result_required,
            wait_for_completion=wait_for_completion,
        )
        self.template = template
        self.manifest = manifest
        self.values = values or {}
        self.map_values = map_values or {}
        self.profile = profile
        self.profile_for = profile_for
        self.profiles = profiles
        # Airflow renders an object in place, and tasks share this one; it renders a dict to a new dict.
        self.cluster = (cluster or GkeCluster()).to_dict()
        self.namespace = namespace
        self.report = report
        self.options: dict[str, Any] = {
            "escalate": escalate,
            "fallback": fallback,
            "validate": validate,
            "timeout": timeout,
            "schedule_timeout": schedule_timeout,
            "start_timeout": start_timeout,
            "unreachable_timeout": unreachable_timeout,
            "heartbeat": heartbeat,
            "max_log_streams": max_log_streams,
            "logs": logs,
            "on_change": on_change,
            "on_kill": "keep" if on_kill_action == "keep" else "delete",
        }
        self.logging_interval = logging_interval
        arguments.check_options(self._times, has_profile=bool(profile or profile_for))
        arguments.check_submission(
            wait_for_completion=wait_for_completion,
            do_xcom_push=self.do_xcom_push,
            result_required=result_required,
            skip_on_exit_code=skip_on_exit_code,
            report=report,
        )
        self.on_kill_action = on_kill_action
        self.pushes_keys = multiple_outputs
        self.result_required = result_required
        self.wait_for_completion = wait_for_completion
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self.skipped_exit_codes = arguments.exit_codes(skip_on_exit_code)
        others: Any = self.on_success_callback or []  # Airflow 2 takes one, and has None for none
        self.on_success_callback = [results.mark_collected, *([others] if callable(others) else others)]
        self.collected: Report | None = None  # of a complete Job that is not marked yet
        self.submitted: dict[str, Any] | None = None  # the XCom `job`
        self.checked: dict[str, Any] = {}  # what a check of the Job has left for the next one
        self._ti: Any = None
        self._supervisor = 0
        self._is_ended = False  # Airflow 3 goes on after on_kill

    def execute(self, context: Context) -> Any:
        """Runs the Job to its end and returns its result.

        :raises AirflowSkipException: the Job failed with an exit code of `skip_on_exit_code`
        :raises AirflowFailException: run-job ended with an exit code for which no retry helps
        :raises AirflowException: run-job ended with another exit code than 0
        """
        self._ti = context["ti"]
        self.log.info("gke-job %s", paths.version())
        options = {**self.options, **self._of_the_end}
        try:
            if not self.wait_for_completion:
                return self._submit(context)
            if self.deferrable:
                return self._submit_and_defer(context, options)
            return self._returned(context, self._run_with_values(context, "run-job", **options))
        except AirflowException as error:
            # Frames below this one do not help the reader of the log.
            raise error.with_traceback(None) from None

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Checks the Job of a deferred task, and returns its result or waits on.

        :param event: of GkeJobTrigger
        :raises AirflowTaskTimeout: `execution_timeout` is over
        """
        self.log.info("gke-job %s", paths.version())
        wait = Deferral.of(event)
        self._ti, self.submitted = context["ti"], wait.job
        now = time.time()
        names = ("timeout", "schedule_timeout", "start_timeout", "unreachable_timeout", "max_log_streams", "logs")
        options = {name: self.options[name] for name in (*names, "fallback", "on_kill")}
        options |= {**self._of_the_end, **wait.options(now)}
        try:
            result = self._run(context, "run-job", check=json.loads(wait.check), **options)
        except AirflowException as error:
            if self.runner.status == TIMED_OUT and wait.is_task_over(now):
                raise AirflowTaskTimeout(f"execution_timeout is over: {error}") from None
            if self.runner.status != NOT_FINISHED:
                raise error.with_traceback(None) from None
        else:
            return self._returned(context, result)
        self._defer(wait.checked(self.checked, deferral.limits_of(self._times)))
        return None

    def _submit_and_defer(self, context: Context, options: dict[str, Any]) -> Any:
        begun = time.time()
        try:
            return self._returned(context, self._run_with_values(context, "run-job", check={}, **options))
        except AirflowException:
            if self.runner.status != NOT_FINISHED or not self.submitted:
                raise
        start_date = context["ti"].start_date  # None in `dag.test()` of Airflow 2.11
        started = start_date.timestamp() if start_date else begun
        wait = Deferral(
            job=self.submitted,
            environment=airflow_environment(self.get_env(context)),
            begun=begun,
            task_ends=started + self.execution_timeout.total_seconds() if self.execution_timeout else None,
            limits=deferral.limits_of(self._times),
            deletes=self.on_kill_action != "keep",
            check=json.dumps(self.checked),
        )
        return self._defer(wait)

    def _defer(self, wait: Deferral) -> None:
        self.defer(trigger=wait.trigger(), method_name="resume")

    @cached_property
    def runner(self) -> Runner:
        """What runs the scripts."""
        return Runner(self.log)

    def on_kill(self) -> None:
        """Ends run-job, and waits until it has deleted the Job or has let go of it.

        Of a task that waits in the triggerer it deletes the Job itself between two scripts, and where run-job was ended
        before it could: it had no credentials yet.
        """
        self._is_ended = True
        is_running = self.runner.is_running()
        if not is_running and not self._waits_in_triggerer:
            return
        keeps_job = self._keeps_job()
        if is_running:
            self.runner.end(keep_job=keeps_job)
        if self._waits_in_triggerer and not keeps_job and not (is_running and self.runner.has_job()):
            environment = self._environment({**os.environ, **(self.env or {})})
            kills.delete_job(self.submitted or deferral.job_of_resumed_task(), environment, self.log)

    def get_env(self, context: Context) -> dict[str, str]:
        """Returns the worker's environment and what identifies this task instance to the scripts."""
        ti: Any = context["ti"]
        return {
            **self._environment(super().get_env(context)),
            "GKE_JOB_MAP_INDEX": str(ti.map_index),
            "GKE_JOB_DETACHED": "" if self.wait_for_completion else "true",
            "GKE_JOB_CLEARED": cleared(
                ti, self.retries, replaces=self._waits_in_triggerer and self.on_kill_action != "keep"
            ),
        }

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        name = airflow_environment(environ)
        return {**environ, "GKE_JOB_AIRFLOW_ENVIRONMENT": name, "GKE_JOB_PYTHON": sys.executable}

    @property
    def cluster_arguments(self) -> list[str]:
        """The options that name the cluster to the scripts."""
        return GkeCluster(**self.cluster).arguments()

    @property
    def _times(self) -> dict[str, Any]:
        return {**self.options, "logging_interval": self.logging_interval}

    @property
    def _of_the_end(self) -> dict[str, Any]:
        """Options of run-job for the end of a Job."""
        return {"result_required": self.result_required, "mark": "later", "report": self.report}

    @property
    def _waits_in_triggerer(self) -> bool:
        return self.deferrable and self.wait_for_completion

    def _keeps_job(self) -> bool:
        if self._supervisor and os.getppid() != self._supervisor:
            return True
        if self.on_kill_action == "auto":
            is_timed_out = isinstance(sys.exc_info()[1], AirflowTaskTimeout)  # as Airflow calls on_kill then
            return not is_timed_out and kills.is_awaited(self._ti)
        return self.on_kill_action == "keep"

    def _returned(self, context: Context, result: str) -> Any:
        value = json.loads(result, parse_int=results.integer)
        if self.do_xcom_push and self.pushes_keys and isinstance(value, dict):
            results.push_keys(value, context, self.log)
        return value

    def _submit(self, context: Context) -> dict[str, Any]:
        options = {name: self.options[name] for name in OF_SUBMIT_JOB}
        return self._note_job(context, *self._run_with_values(context, "submit-job", **options).split())

    def _note_job(self, context: Context, name: str, namespace: str, uid: str) -> dict[str, Any]:
        self.submitted = {"name": name, "namespace": namespace, "uid": uid, "cluster": self.cluster}
        if self.do_xcom_push:
            results.push_job(self.submitted, context, self)
        return self.submitted

    def _run_with_values(
        self, context: Context, script: str, *, check: dict[str, Any] | None = None, **options: Any
    ) -> str:
        values = merged(plain(self.values), plain(self.map_values or {}, "map_values"))
        mask(values)
        files = {"values": values}
        if self.manifest is not None:
            files["template"] = plain(self.manifest, "manifest")
        options |= {
            "namespace": self.namespace,
            "template": self.template,
            "profile": self.profile,
            "profile_for": arguments.size_option(self.profile_for),
            "profiles": self.profiles,
        }
        log_repetition(self.log, self.cluster_arguments, files, options, waits=self.wait_for_completion)
        return self._run(context, script, files, check=check, **options)

    def _run(
        self,
        context: Context,
        script: str,
        files: Mapping[str, Any] | None = None,
        *,
        check: dict[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """Runs one of the scripts on the cluster; returns the last line it printed.

        :param files: what the script reads as JSON from files, by option
        :param check: the script checks the Job once, and this is what the check before has left, {} for the first one.
            What this one leaves is in `checked`
        """
        if self._is_ended:
            raise AirflowException(f"{script} is not started: the task was ended")
        cluster = self.cluster_arguments
        report = Report()
        try:
            options |= {option: report.write_json(option, content) for option, content in (files or {}).items()}
            if check is not None:
                # Without the file, it is the first check of the Job.
                file = report.write_json("check_state", check) if check else report.path / "check_state.json"
                options |= {"once": True, "check_state": file}
            if "job" in options:
                report.write_job(options["job"], options["namespace"])
            line = command(script, *cluster, **options)
            self.bash_command = shlex.join(line)
            self._supervisor = kills.tie_to_supervisor(context["ti"])
            result = self.runner.run(
                line,
                report,
                environment=self.get_env(context),
                cluster=" ".join(cluster),
                skipped=self.skipped_exit_codes,
                cwd=self.cwd,
                encoding=self.output_encoding,
                on_job=partial(self._note_job, context),
            )
            if options.get("mark") == "later":
                self.collected = report
            return str(self.output_processor(result))
        finally:
            self.checked = report.read_json("check_state")
            if self.do_xcom_push and (summary := report.read_json("summary")):
                results.push_timing(summary, context, self.log)
            if self.collected is not report:
                report.remove()
