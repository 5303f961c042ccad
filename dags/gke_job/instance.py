"""Environment variables that identify a task instance to the scripts, in addition to those that Airflow sets."""

from __future__ import annotations

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


def cleared_variable(ti: Any, retries: int | None, *, replaces: bool) -> str:
    """Returns the value of GKE_JOB_CLEARED: "" unless this try runs because somebody has cleared the task.

    A cleared task has all its retries again, which shows in `max_tries`.

    :param replaces: whether this try replaces a Job of an earlier try that still runs, instead of attaching to it
    """
    if not ti.try_number == ti.max_tries - (retries or 0) + 1 > 1:
        return ""
    return "replace" if replaces else "attach"
