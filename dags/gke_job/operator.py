"""The Airflow operator that runs one Kubernetes Job."""

from __future__ import annotations

import inspect
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from gke_job import paths
from gke_job.cluster import GkeCluster
from gke_job.compat import BashOperator, Context
from gke_job.values import plain


class GkeJobOperator(BashOperator):
    """Runs a Kubernetes Job on a GKE cluster: creates it, streams its logs, returns its result.

    The work is done by `scripts/run-job`; a failed task shows its one-line error and exit code. The return value is
    what the container wrote to `/dev/termination-log`: decoded JSON, or text, or None. Of a JSON object each key is an
    XCom as well, so that `job.output["loss"]` is one of its values.

    :param template: name of a file in `templates/` without `.yaml.j2`, or an absolute path (templated)
    :param values: what the template is filled with. Jinja strings and XComArgs may stand anywhere in it; an XComArg
        keeps its Python type. Must be JSON: dict, list, str, int, float, bool, None (templated)
    :param profile: an entry of `templates/profiles.yaml`: where and how big the Job runs (templated)
    :param cluster: where it runs; by default the current context of the worker's kubeconfig (fields templated)
    :param namespace: Kubernetes namespace; by default the template's, else the context's (templated)
    :param timeout: seconds from submitting to the result, or a timedelta; then the Job is deleted and the task fails
    :param on_kill_action: whether a killed task deletes its Job or keeps it running
    :param kwargs: as for BashOperator
    """

    template_fields: Sequence[str] = ("template", "values", "profile", "cluster", "namespace")
    template_fields_renderers = {"values": "json", "cluster": "json"}  # noqa: RUF012 (as BashOperator declares it)
    template_ext: Sequence[str] = ()  # a value that ends in .sh is a value, not a file to load

    def __init__(
        self,
        *,
        template: str,
        values: Mapping[str, Any] | None = None,
        profile: str | None = None,
        cluster: GkeCluster | None = None,
        namespace: str | None = None,
        timeout: float | timedelta | None = None,
        on_kill_action: Literal["delete", "keep"] = "delete",
        **kwargs: Any,
    ) -> None:
        super().__init__(bash_command="", output_processor=json.loads, **kwargs)
        self.template = template
        self.values = values or {}
        self.profile = profile
        # Airflow renders an object in place, and tasks share this one; it renders a dict to a new dict.
        self.cluster = dict(vars(cluster or GkeCluster()))
        self.namespace = namespace
        self.timeout = timeout
        self.on_kill_action = on_kill_action

    def execute(self, context: Context) -> Any:
        """Runs the Job to its end and returns its result.

        :raises AirflowException: run-job ended with an exit code other than 0
        """
        with tempfile.TemporaryDirectory(prefix="gke-job-") as directory:  # mode 0700
            values = Path(directory, "values.json")
            values.touch(mode=0o600)
            values.write_text(json.dumps(plain(self.values)))
            self.bash_command = shlex.join(self._command(values))
            # Unwrapped, because what guards `execute` in Airflow 2 warns of a call by a subclass, too.
            result = inspect.unwrap(BashOperator.execute)(self, context)
        self.multiple_outputs = isinstance(result, dict)
        return result

    def get_env(self, context: Context) -> dict[str, str]:
        """Returns the worker's environment and what identifies this task instance to the scripts."""
        environment = os.environ.get("COMPOSER_ENVIRONMENT", "airflow")
        return {
            "GKE_JOB_AIRFLOW_ENVIRONMENT": environment,
            **super().get_env(context),
            "GKE_JOB_MAP_INDEX": str(context["ti"].map_index),
            "GKE_JOB_PYTHON": sys.executable,
        }

    def _command(self, values: Path) -> list[str]:
        options = {
            "--template": self.template,
            "--values": str(values),
            "--profile": self.profile,
            "--namespace": self.namespace,
            "--timeout": self._timeout_seconds(),
            "--on-kill": self.on_kill_action,
        }
        command = ["bash", str(paths.script("run-job")), *GkeCluster(**self.cluster).arguments()]
        for option, value in options.items():
            if value:
                command += [option, value]
        return command

    def _timeout_seconds(self) -> str | None:
        if isinstance(self.timeout, timedelta):
            return f"{self.timeout.total_seconds():.0f}"
        return None if self.timeout is None else f"{self.timeout:.0f}"
