"""Environment variables of the scripts that identify a task instance, in addition to those that Airflow sets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

COMPOSER_VARIABLES = ("GCP_PROJECT", "COMPOSER_LOCATION", "COMPOSER_ENVIRONMENT")


def airflow_environment(environ: Mapping[str, str]) -> str:
    """Returns the name of this Airflow environment: an explicit one, PROJECT/REGION/NAME in Composer, else `airflow`.

    :param environ: the environment variables of the worker; `gke_jobs.rendering.identity` reads them in the same way
    """
    if explicit := environ.get("GKE_JOB_AIRFLOW_ENVIRONMENT"):
        return explicit
    if not environ.get("COMPOSER_ENVIRONMENT"):
        return "airflow"
    return "/".join(environ[name] for name in COMPOSER_VARIABLES if environ.get(name))


def script_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment variables of a script: those given, the name of this Airflow environment, this Python."""
    return {
        **environ,
        "GKE_JOB_AIRFLOW_ENVIRONMENT": airflow_environment(environ),
        "GKE_JOB_PYTHON": sys.executable,
    }


def instance_variables(ti: Any, retries: int | None, *, waits: bool, replaces: bool) -> dict[str, str]:
    """Returns the environment variables of a script that differ between task instances.

    :param retries: the retries of the task
    :param waits: whether the task waits for its Job
    :param replaces: whether a cleared task replaces a Job of an earlier try that still runs, instead of attaching to it
    """
    return {
        "GKE_JOB_MAP_INDEX": str(ti.map_index),
        "GKE_JOB_DETACHED": "" if waits else "true",
        "GKE_JOB_CLEARED": _cleared(ti, retries, replaces=replaces),
    }


def _cleared(ti: Any, retries: int | None, *, replaces: bool) -> str:
    """Returns "" unless this try runs because somebody has cleared the task.

    A cleared task has all its retries again, which shows in `max_tries`.
    """
    if not ti.try_number == ti.max_tries - (retries or 0) + 1 > 1:
        return ""
    return "replace" if replaces else "attach"
