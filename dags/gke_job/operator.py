"""The Airflow operator that runs one Kubernetes Job.

This file is long, because the class documents its arguments.
"""

from __future__ import annotations

import json
import os
import shlex
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
from .instance import airflow_environment, instance_variables, script_variables
from .links import operator_links
from .masking import mask
from .repeat import log_repeat_command
from .run_directory import RunDirectory
from .runner import Runner
from .values import merged, plain

NOT_FINISHED, TIMED_OUT = 75, 124  # exit codes of run-job
SUBMIT_OPTIONS = ("escalate", "fallback", "validate", "timeout", "schedule_timeout", "unreachable_timeout", "on_change")
# Options of the submission, and of a wait in the worker: a check of a deferred task has none of them. A check has
# `fallback`: with it, run-job makes the Job fail when `schedule_timeout` expires, and the next try uses the fallback.
NOT_RESUMED = ("escalate", "validate", "heartbeat", "on_change")


class GkeJobOperator(BashOperator):
    """Runs a Kubernetes Job on a GKE cluster: creates it, streams its logs, returns its result.

    The operator runs `scripts/run-job`; `run-job --help` describes each option in detail. The return value is what the
    container wrote to `/dev/termination-log`: decoded JSON, or text, or None. The exception of a failed task names the
    reason, the advice, the Job, the cluster and the URL of the logs. Callbacks get it in their context.

    A time is a number of seconds or a timedelta.

    :param template: name of a file in `templates/` without `.yaml.j2`, or an absolute path (templated)
    :param manifest: instead of `template` and `values`, a Job as a dict with the fields of the Kubernetes API, or a
        list of a Job and the ConfigMaps and Services that it owns. The toolkit sets the name. Do not fill the manifest
        from an XCom or a param that others can set (templated)
    :param values: the values of the template. They may contain Jinja strings and XComArgs at any level; an XComArg
        keeps its Python type. They must be JSON: dict, list, str, int, float, bool, None. Airflow masks the values of
        sensitive keys (`password`, `token`, ...) in the log and in the UI (templated)
    :param map_values: the values of each mapped task, merged over the `values` of `partial`; a dict in both is merged
        in the same way (templated)
    :param profile: an entry of `templates/profiles.yaml`: the nodes and the size of the Job (templated)
    :param profile_for: instead of `profile`, a size; the task uses the smallest profile that is large enough:
        `{"bytes": 73_000_000_000}` (templated)
    :param profiles: a YAML file with profiles and prices of the team, which override `templates/profiles.yaml`
        (templated)
    :param escalate: whether a retry after an OOMKilled container uses the next larger profile
    :param fallback: whether a retry uses the fallback of the profile when the last try was lost to preemption, or got
        no nodes within `schedule_timeout`; a task that is cleared starts with `profile` again
    :param validate: how the manifest is validated before it is sent
    :param cluster: the cluster of the Job; by default the current context of the worker's kubeconfig (fields templated)
    :param namespace: Kubernetes namespace; by default that of the template, else that of the context (templated)
    :param timeout: maximum time from the submission until the Job is finished; then the Job is deleted and the task
        fails. It does not limit the time to read the result
    :param schedule_timeout: maximum time in which no Pod of the Job has a node (for a distributed Job: not all Pods),
        the Job is suspended, for example in a queue, or a quota prevents the creation of the Job or its Pods; then the
        Job is deleted and the task fails
    :param start_timeout: maximum time in which a Pod cannot start (missing image, Secret, ...), or the cluster refuses
        to create Pods; then the Job is deleted and the task fails
    :param unreachable_timeout: the task fails when the cluster does not answer for this time; the Job continues
    :param heartbeat: interval from the last message to a progress message
    :param max_log_streams: number of containers whose logs are read at the same time
    :param logs: the containers whose logs are printed: all, those that failed, or none
    :param multiple_outputs: whether each key of a result that is a JSON object is also an XCom, so that another task
        can use `job.output["loss"]`. A key that is not a plain name (1 to 250 letters, digits, `_`, `.`, `-`; not `.`,
        `..`, `return_value`, `job`, `timing` or `_link_...`) is only in the return value. Read a key that may be null
        from the return value: Airflow 3 fails a task that is given an XCom of None. A result that is not an object is
        not an error
    :param result_required: whether the task fails, without a retry, when the Job is complete and its container, or that
        of any index of an Indexed Job, has written no result
    :param skip_on_exit_code: exit codes of the container, one or several, for which the task is skipped instead of
        failed when the Job fails. The exit code of the Pod that failed last counts; in an Indexed Job, that of each
        failed index
    :param wait_for_completion: False: the task succeeds when the Job is submitted, and returns `{"name": ...,
        "namespace": ..., "uid": ..., "cluster": {...}}`, which is also the XCom `job`. Then nothing deletes the Job,
        and the timeouts apply only to the submission
    :param deferrable: whether the task waits in the triggerer and holds no worker slot while the Job runs; by default
        `default_deferrable` of the section `operators` in airflow.cfg. The logs are printed only at the end, and every
        `logging_interval`; everything else is the same
    :param logging_interval: interval at which a worker resumes a deferred task to print the logs so far; by default the
        logs are printed at the end
    :param report: where to write a report of the run, one HTML file: a path on the worker, or `gs://BUCKET/NAME.html`.
        A failure to write it is a warning (templated)
    :param on_change: when this task still runs a Job of another manifest: fail, attach to it, or replace it
    :param on_kill_action: whether a killed task deletes its Job, or keeps it, so that the next try attaches to it.
        auto: deletes it when a user has marked or cleared the task, when `execution_timeout` has expired, and when
        there is no next try; keeps it when the worker is being stopped. When a worker dies, the Job is always kept
    :param kwargs: the arguments of BashOperator; `env` is for run-job, not for the container, and needs
        `append_env=True`
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
    # Without ClassVar, as in BashOperator.
    template_fields_renderers = dict.fromkeys(("manifest", "values", "map_values", "profile_for", "cluster"), "json")
    operator_extra_links = operator_links()
    template_ext: Sequence[str] = ()  # a value that ends in .sh is not a file to load

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
        arguments.check_unknown_arguments(type(self), kwargs)
        # BashOperator would push every key of the result, and would skip the task by the exit code of the script.
        super().__init__(bash_command="", multiple_outputs=False, skip_on_exit_code=None, **kwargs)
        arguments.check_environment(self.env, self.append_env)
        arguments.check_choices(validate=validate, logs=logs, on_change=on_change, on_kill_action=on_kill_action)
        arguments.check_manifest_source(template, manifest, values, map_values, cluster)
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
        # A dict, because Airflow renders a dict to a new dict, but an object in place. Tasks may share a GkeCluster.
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
            # auto: run-job deletes the Job on SIGTERM, and keeps it on SIGPWR; the method `on_kill` sends one of them.
            "on_kill": "keep" if on_kill_action == "keep" else "delete",
        }
        self.logging_interval = logging_interval
        arguments.check_options(self._options_and_logging_interval, has_profile=bool(profile or profile_for))
        arguments.check_submit_only(
            wait_for_completion=wait_for_completion,
            do_xcom_push=self.do_xcom_push,
            result_required=result_required,
            skip_on_exit_code=skip_on_exit_code,
            report=report,
        )
        self.on_kill_action = on_kill_action
        self.pushes_result_keys = multiple_outputs
        self.result_required = result_required
        self.wait_for_completion = wait_for_completion
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self.skipped_exit_codes = arguments.exit_codes(skip_on_exit_code)
        callbacks: Any = self.on_success_callback or []  # in Airflow 2 also a single callback, or None
        self.on_success_callback = [results.mark_collected, *([callbacks] if callable(callbacks) else callbacks)]
        self.unmarked_run: RunDirectory | None = None  # the run of a complete Job that is not marked as collected yet
        self.submitted: dict[str, Any] | None = None  # the XCom `job`
        self.check_state: dict[str, Any] = {}  # the state that the last check of the Job has left for the next check
        self._ti: Any = None
        self._supervisor_pid = 0  # 0 before the first script is started
        self._is_ended = False  # after on_kill no script is started, although Airflow 3 continues the task

    def execute(self, context: Context) -> Any:
        """Runs the Job until it is finished, and returns its result; or only submits it, or defers the task.

        :raises AirflowSkipException: the Job failed with an exit code of `skip_on_exit_code`
        :raises AirflowFailException: run-job ended with an exit code for which no retry helps
        :raises AirflowException: run-job ended with any other exit code except 0
        """
        self._ti = context["ti"]
        self.log.info("gke-job %s", paths.version())
        options = {**self.options, **self._result_options}
        try:
            if not self.wait_for_completion:
                return self._submit(context)
            if self.deferrable:
                return self._submit_and_defer(context, options)
            return self._return_value(context, self._run_with_values(context, "run-job", **options))
        except AirflowException as error:
            # The traceback in the log ends here.
            raise error.with_traceback(None) from None

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Checks the Job of a deferred task; returns its result, or defers the task again.

        :param event: the payload of the event of GkeJobTrigger
        :raises AirflowTaskTimeout: `execution_timeout` has expired
        """
        self.log.info("gke-job %s", paths.version())
        deferred = Deferral.from_event(event)
        self._ti, self.submitted = context["ti"], deferred.job
        now = time.time()
        options = {name: value for name, value in self.options.items() if name not in NOT_RESUMED}
        options |= {**self._result_options, **deferred.options(now)}
        try:
            result = self._run(context, "run-job", earlier_state=json.loads(deferred.check_state), **options)
        except AirflowException as error:
            if self.runner.status == TIMED_OUT and deferred.is_execution_timeout_over(now):
                raise AirflowTaskTimeout(f"execution_timeout has expired: {error}") from None
            if self.runner.status != NOT_FINISHED:
                raise error.with_traceback(None) from None
        else:
            return self._return_value(context, result)
        self._defer(deferred.after_check(self.check_state, deferral.limits_from(self._options_and_logging_interval)))
        return None

    def _submit_and_defer(self, context: Context, options: dict[str, Any]) -> Any:
        submitted_at = time.time()
        try:
            return self._return_value(context, self._run_with_values(context, "run-job", earlier_state={}, **options))
        except AirflowException:
            if self.runner.status != NOT_FINISHED or not self.submitted:
                raise
        start_date = context["ti"].start_date  # None in `dag.test()` of Airflow 2.11
        started_at = start_date.timestamp() if start_date else submitted_at
        execution_timeout = self.execution_timeout
        deferred = Deferral(
            job=self.submitted,
            airflow_environment=airflow_environment(self.get_env(context)),
            submitted_at=submitted_at,
            execution_timeout_at=started_at + execution_timeout.total_seconds() if execution_timeout else None,
            limits=deferral.limits_from(self._options_and_logging_interval),
            deletes=self.on_kill_action != "keep",
            check_state=json.dumps(self.check_state),
        )
        return self._defer(deferred)

    def _defer(self, deferred: Deferral) -> None:
        self.defer(trigger=deferred.trigger(), method_name="resume")

    @cached_property
    def runner(self) -> Runner:
        """The Runner of the scripts."""
        return Runner(self.log)

    def on_kill(self) -> None:
        """Ends run-job, and waits until it has deleted the Job or, if the Job is kept, has ended.

        In a deferrable task whose Job is not kept, the operator deletes the Job itself if no script runs, or if run-job
        has not reported the Job.
        """
        self._is_ended = True
        is_running = self.runner.is_running()
        if not is_running and not self._waits_in_triggerer:
            return
        keeps_job = kills.keeps_job(self._ti, self._supervisor_pid, action=self.on_kill_action, log=self.log)
        if is_running:
            self.runner.end(keep_job=keeps_job)
        if self._waits_in_triggerer and not keeps_job and not (is_running and self.runner.has_reported_job()):
            variables = script_variables({**os.environ, **(self.env or {})})
            kills.delete_job(self.submitted or deferral.job_of_task_ended_before_resume(), variables, self.log)

    def get_env(self, context: Context) -> dict[str, str]:
        """Returns the worker's environment variables, and those that identify this task instance to the scripts."""
        replaces = self._waits_in_triggerer and self.on_kill_action != "keep"
        return {
            **script_variables(super().get_env(context)),
            **instance_variables(context["ti"], self.retries, waits=self.wait_for_completion, replaces=replaces),
        }

    @property
    def cluster_arguments(self) -> list[str]:
        """Options that name the cluster to the scripts."""
        return GkeCluster(**self.cluster).arguments()

    @property
    def _options_and_logging_interval(self) -> dict[str, Any]:
        return {**self.options, "logging_interval": self.logging_interval}

    @property
    def _result_options(self) -> dict[str, Any]:
        """Options of run-job that apply when the Job is finished."""
        return {"result_required": self.result_required, "mark": "later", "report": self.report}

    @property
    def _waits_in_triggerer(self) -> bool:
        return self.deferrable and self.wait_for_completion

    def _return_value(self, context: Context, result: str) -> Any:
        value = json.loads(result, parse_int=results.integer)
        if self.do_xcom_push and self.pushes_result_keys and isinstance(value, dict):
            results.push_result_keys(value, context, self.log)
        return value

    def _submit(self, context: Context) -> dict[str, Any]:
        options = {name: self.options[name] for name in SUBMIT_OPTIONS}
        return self._record_job(context, *self._run_with_values(context, "submit-job", **options).split())

    def _record_job(self, context: Context, name: str, namespace: str, uid: str) -> dict[str, Any]:
        self.submitted = {"name": name, "namespace": namespace, "uid": uid, "cluster": self.cluster}
        if self.do_xcom_push:
            results.push_job(self.submitted, context, self)
        return self.submitted

    def _run_with_values(
        self, context: Context, script: str, *, earlier_state: dict[str, Any] | None = None, **options: Any
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
            "profile_for": arguments.profile_for_option(self.profile_for),
            "profiles": self.profiles,
        }
        log_repeat_command(self.log, self.cluster_arguments, files, options, waits=self.wait_for_completion)
        return self._run(context, script, files, earlier_state=earlier_state, **options)

    def _run(
        self,
        context: Context,
        script: str,
        files: Mapping[str, Any] | None = None,
        *,
        earlier_state: dict[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """Runs one of the scripts on the cluster; returns the last line that it printed.

        :param files: the contents of JSON files that the script reads, by option
        :param earlier_state: the state that the earlier checks have left, {} for the first check. The script checks the
            Job once, and the new state is in `check_state`. None for a script that waits
        """
        if self._is_ended:
            raise AirflowException(f"{script} is not started, because the task has ended")
        cluster = self.cluster_arguments
        directory = RunDirectory()
        try:
            options |= {option: directory.write_json(option, content) for option, content in (files or {}).items()}
            if earlier_state is not None:
                file = directory.path / "check_state.json"
                if earlier_state:  # for the first check the file does not exist
                    directory.write_json("check_state", earlier_state)
                options |= {"once": True, "check_state": file}
            if "job" in options:  # so that the exception names the Job if run-job fails before it reports it
                directory.write_job(options["job"], options["namespace"])
            argv = command(script, *cluster, **options)
            self.bash_command = shlex.join(argv)
            self._supervisor_pid = kills.tie_to_supervisor(context["ti"])
            result = self.runner.run(
                argv,
                directory,
                variables=self.get_env(context),
                cluster=" ".join(cluster),
                skipped=self.skipped_exit_codes,
                cwd=self.cwd,
                encoding=self.output_encoding,
                on_job=partial(self._record_job, context),
            )
            if options.get("mark") == "later":
                self.unmarked_run = directory
            return str(self.output_processor(result))
        finally:
            self.check_state = directory.read_json("check_state")
            if self.do_xcom_push and (summary := directory.read_json("summary")):
                results.push_timing(summary, context, self.log)
            if self.unmarked_run is not directory:
                directory.remove()
