"""The plugin `plugins/gke_job_triggerer_path.py`, which lets the triggerer of Airflow 3 import the package.

In Airflow 3 the DAGs folder is in `sys.path` of workers and DAG processor, but not of the triggerer
(https://github.com/apache/airflow/issues/65455). The triggerer loads plugins when it starts. This plugin imports
nothing of the package.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin


class GkeJobTriggererPath(AirflowPlugin):
    """The plugin that Airflow loads from the folder `plugins`."""

    name = "gke_job_triggerer_path"


dags = str(Path(conf.get_mandatory_value("core", "dags_folder")).expanduser())
if dags not in sys.path:
    sys.path.append(dags)
