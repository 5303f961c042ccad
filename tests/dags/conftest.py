"""An Airflow of its own for these tests, with an SQLite database in a temporary directory."""

from __future__ import annotations

import functools
import json
import os
import shutil
import stat
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
AIRFLOW_VERSION = version("apache-airflow")

# Airflow reads its settings when it is first imported, so before any fixture runs.
AIRFLOW_HOME = tempfile.mkdtemp(prefix="airflow-")
os.environ |= {
    "AIRFLOW_HOME": AIRFLOW_HOME,
    "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
}


@pytest.fixture(scope="session", autouse=True)
def airflow_database():
    from airflow.utils import db

    db.initdb()
    yield
    shutil.rmtree(AIRFLOW_HOME)


@pytest.fixture(scope="session", autouse=True)
def one_api_server():
    """Airflow 3.1 makes the API of `dag.test()` anew for each task, which takes seconds; later ones do it once."""
    if AIRFLOW_VERSION.startswith("3.1."):
        from airflow.sdk.execution_time import supervisor

        supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)


@pytest.fixture
def register(airflow_database):
    """Makes a DAG known that is in no file of the DAG folder: Airflow 3 runs only serialized ones."""
    try:
        from airflow.dag_processing.bundles.manager import DagBundlesManager
    except ImportError:  # Airflow 2.11
        return lambda dag: None
    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag, sync_bag_to_db

    def register(dag):
        DagBundlesManager().sync_bundles_to_db()
        bag = DagBag(os.devnull)
        bag.bag_dag(dag)
        sync_bag_to_db(bag, "dags-folder", None)

    return register


RECORDER = """
import json, os, stat, sys

arguments = sys.argv[2:]
values = arguments[arguments.index("--values") + 1]
record = {
    "arguments": arguments,
    "environment": dict(os.environ),
    "values": json.load(open(values)),
    "modes": [stat.S_IMODE(os.stat(path).st_mode) for path in (os.path.dirname(values), values)],
}
with open(sys.argv[1], "a") as records:
    records.write(json.dumps(record) + "\\n")
"""


class RunJob:
    """Stands in for scripts/run-job: records how it was called, then prints `output` and exits with `status`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._records = directory / "records"
        (directory / "scripts").mkdir()
        (directory / "recorder.py").write_text(RECORDER)
        self.behaves(output="null")

    def fails(self, template: str) -> None:
        """From now on a Job of this template fails, and no other does."""
        self.behaves(output="null", failing=template)

    def behaves(self, *, output: str, status: int = 0, failing: str = "") -> None:
        (self._directory / "output").write_text(output)
        script = self._directory / "scripts" / "run-job"
        script.write_text(
            f'"$GKE_JOB_PYTHON" "{self._directory}/recorder.py" "{self._records}" "$@"\n'
            f'case "$*" in *"--template {failing} "*) exit 1 ;; esac\n'
            f'echo "a line of the log" >&2\ncat "{self._directory}/output"\nexit {status}\n'
        )
        script.chmod(stat.S_IRUSR)

    @property
    def calls(self) -> list[dict]:
        return [json.loads(line) for line in self._records.read_text().splitlines()]


@pytest.fixture
def run_job(tmp_path, monkeypatch) -> RunJob:
    from gke_job import paths

    monkeypatch.setattr(paths, "DAGS", tmp_path)
    return RunJob(tmp_path)
