"""Links from a task to its Job, and to its logs, in the Google Cloud console.

Airflow 3 keeps them as XComs. The web server of Airflow 2.11 makes them itself, and does not have the DAGs: there this
file is a plugin that reads the XCom `job`, as `plugins/gke_job_links.py`. So it imports nothing of the package. A
serialized DAG names the classes of its links, which the plugin registers under the names that they have in the package.
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
    """Returns where the console shows a Job; "" where its cluster is not named by project, location and name.

    :param job: the XCom `job`: `{"name": ..., "namespace": ..., "uid": ..., "cluster": {"project": ..., ...}}`
    """
    if not (found := _place(job)):
        return ""
    project, *path = found
    return f"{CONSOLE}/kubernetes/job/{'/'.join(path)}/details?project={project}"


def logs_url(job: Any) -> str:
    """Returns where Cloud Logging shows the logs of a Job's Pods, those that are gone too; "" as job_url."""
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
    """Returns project, location, cluster, namespace and name, as parts of a URL."""
    job = job if isinstance(job, dict) else {}
    cluster = job.get("cluster")
    cluster = cluster if isinstance(cluster, dict) else {}
    words = [*(cluster.get(field) for field in ("project", "location", "name")), job.get("namespace"), job.get("name")]
    return [quote(str(word), safe="") for word in words] if all(words) else []


class JobLink(BaseOperatorLink):
    """The Job."""

    __module__ = PACKAGE
    name = "Job in Google Cloud console"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Returns the link of a task instance."""
        return job_url(_job(operator, ti_key))


class LogsLink(BaseOperatorLink):
    """The logs of its Pods."""

    __module__ = PACKAGE
    name = "Logs in Cloud Logging"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Returns the link of a task instance."""
        return logs_url(_job(operator, ti_key))


def _job(operator: Any, ti_key: Any) -> Any:
    if AIRFLOW_2:  # the operator is what the web server knows of it
        return XCom.get_value(ti_key=ti_key, key="job")
    return getattr(operator, "submitted", None)  # a MappedOperator, whose instance could not be made, has none


LINKS = [JobLink(), LogsLink()]

if AIRFLOW_2:

    class GkeJobLinks(plugins_manager.AirflowPlugin):
        """What Airflow looks for in the folder `plugins`."""

        name = "gke_job_links"
        operator_extra_links = LINKS


def operator_links() -> Sequence[Any]:
    """Returns the links of an operator: on Airflow 2.11 none without the plugin, a web server would log errors."""
    if AIRFLOW_2:
        plugins_manager.ensure_plugins_loaded()
        if not any(plugin.name == GkeJobLinks.name for plugin in plugins_manager.plugins or []):
            return []
    return LINKS
