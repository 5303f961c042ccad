"""Links from a task to its Job, and to its logs, in the Google Cloud console.

Airflow 3 stores the links as XComs. The web server of Airflow 2.11 makes them itself, and has no access to the DAGs.
For it this file is also the plugin `plugins/gke_job_links.py`, which reads the XCom `job`. Therefore the file imports
nothing of the package. A serialized DAG names the classes of its links; the plugin registers them with the module name
of the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

try:
    from airflow.sdk import BaseOperatorLink

    AIRFLOW_2 = False
except ImportError:
    from airflow import plugins_manager
    from airflow.models.baseoperatorlink import BaseOperatorLink
    from airflow.models.xcom import XCom

    AIRFLOW_2 = True

CONSOLE = "https://console.cloud.google.com"
PACKAGE = "gke_job.links"


def job_url(job: Any) -> str:
    """Returns the URL of a Job in the console; "" if its cluster is not given by project, location and name.

    :param job: the XCom `job`: `{"name": ..., "namespace": ..., "uid": ..., "cluster": {"project": ..., ...}}`
    """
    if not (found := _place(job)):
        return ""
    project, *path = found
    return f"{CONSOLE}/kubernetes/job/{'/'.join(path)}/details?project={project}"


def logs_url(job: Any) -> str:
    """Returns the URL of the logs of a Job's Pods in Cloud Logging, also of deleted Pods; "" as job_url."""
    if not (found := _place(job)):
        return ""
    project, location, cluster, namespace, name = found
    query = [
        ("resource.type", "k8s_container"),
        ("resource.labels.location", location),
        ("resource.labels.cluster_name", cluster),
        ("resource.labels.namespace_name", namespace),
        ('labels."k8s-pod/job-name"', name),
    ]
    lines = (f"{quote(field, safe='')}{quote('=', safe='')}%22{value}%22" for field, value in query)
    return f"{CONSOLE}/logs/query;query={'%0A'.join(lines)}?project={project}"


def _place(job: Any) -> list[str]:
    """Returns project, location, cluster, namespace and name, quoted for a URL; [] if one of them is missing."""
    job = job if isinstance(job, dict) else {}
    cluster = job.get("cluster")
    cluster = cluster if isinstance(cluster, dict) else {}
    words = [*(cluster.get(field) for field in ("project", "location", "name")), job.get("namespace"), job.get("name")]
    return [quote(str(word), safe="") for word in words] if all(words) else []


class JobLink(BaseOperatorLink):
    """Link to the Job."""

    __module__ = PACKAGE
    name = "Job in Google Cloud console"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Returns the link of a task instance."""
        return job_url(_job(operator, ti_key))


class LogsLink(BaseOperatorLink):
    """Link to the logs of the Pods of the Job."""

    __module__ = PACKAGE
    name = "Logs in Cloud Logging"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Returns the link of a task instance."""
        return logs_url(_job(operator, ti_key))


def _job(operator: Any, ti_key: Any) -> Any:
    if AIRFLOW_2:  # in the web server the operator is deserialized
        return XCom.get_value(ti_key=ti_key, key="job")
    return getattr(operator, "submitted", None)  # a MappedOperator that could not be unmapped does not have it


LINKS = [JobLink(), LogsLink()]

if AIRFLOW_2:

    class GkeJobLinks(plugins_manager.AirflowPlugin):
        """The plugin that Airflow loads from the folder `plugins`."""

        name = "gke_job_links"
        operator_extra_links = LINKS


def operator_links() -> Sequence[Any]:
    """Returns the links of an operator: none on Airflow 2.11 without the plugin, because its web server logs errors."""
    if AIRFLOW_2:
        plugins_manager.ensure_plugins_loaded()
        if not any(plugin.name == GkeJobLinks.name for plugin in plugins_manager.plugins or []):
            return []
    return LINKS
