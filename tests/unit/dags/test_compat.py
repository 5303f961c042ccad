from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

from gke_job import compat, paths


def test_the_bash_operator_is_that_of_this_airflow():
    major = version("apache-airflow").split(".")[0]
    home = {"2": "airflow.operators.bash", "3": "airflow.providers.standard.operators.bash"}[major]
    assert compat.BashOperator.__module__ == home
    assert compat.Context.__name__ == "Context"


def test_the_trigger_imports_nothing_that_a_triggerer_has_not_loaded():
    """An import blocks the event loop; on Airflow 2.11 the import of the whole package takes half a second."""
    program = (
        "import sys, airflow.jobs.triggerer_job_runner; before = {*sys.modules}; import gke_job.trigger; "
        "print(*sorted(name for name in {*sys.modules} - before if not name.startswith('gke_job.')))"
    )
    argv = [sys.executable, "-W", "ignore", "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(paths.DAGS)}
    done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "gke_job"
