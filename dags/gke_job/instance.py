"""What identifies a task instance to the scripts, beyond what Airflow's own variables say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMPOSER_VARIABLES = ("GCP_PROJECT", "COMPOSER_LOCATION", "COMPOSER_ENVIRONMENT")


def airflow_environment(environ: Mapping[str, str]) -> str:
    """Returns the name of this Airflow: the explicit one, else PROJECT/REGION/NAME in Composer, else `airflow`.

    :param environ: of the worker; `gke_jobs.rendering.identity` reads it in the same way
    """
    if explicit := environ.get("GKE_JOB_AIRFLOW_ENVIRONMENT"):
        return explicit
    if not environ.get("COMPOSER_ENVIRONMENT"):
        return "airflow"
    return "/".join(environ[name] for name in COMPOSER_VARIABLES if environ.get(name))


def cleared(ti: Any, retries: int | None, *, replaces: bool) -> str:
    """Returns GKE_JOB_CLEARED: "" unless this try runs because somebody has cleared the task.

    Airflow then gives the task all its retries once more.

    :param replaces: whether it replaces a Job of an earlier try that still runs, instead of attaching to it
    """
    if not ti.try_number == ti.max_tries - (retries or 0) + 1 > 1:
        return ""
    return "replace" if replaces else "attach"
