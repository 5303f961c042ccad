"""Fixtures: an Airflow with an SQLite database in a temporary directory, a stand-in for GKE, and runs of DAGs."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from releases import deploy

from demo.results import last_results

REPOSITORY = Path(__file__).resolve().parents[3]
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
    """Airflow 3.1 and 3.2 create the API of `dag.test()` for each task, which takes seconds; 3.3 creates it once."""
    if AIRFLOW_VERSION.startswith(("3.1.", "3.2.")):
        from airflow.sdk.execution_time import supervisor

        supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)


@pytest.fixture
def register(airflow_database):
    """Registers a DAG that is not in the DAG folder, because Airflow 3 runs only serialized DAGs."""
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


@pytest.fixture
def dag_id(request) -> str:
    """The id of the DAG of this test."""
    return re.sub(r"\W+", "_", request.node.name)


@pytest.fixture
def run(register, dag_id):
    """Runs the DAG of the tasks that `build` makes, named after the test; returns the run's state."""
    try:
        from airflow.sdk import DAG
    except ImportError:  # Airflow 2.11
        from airflow import DAG

    def run(build, **dag_arguments) -> str:
        with DAG(dag_id, schedule=None, **dag_arguments) as dag:
            build()
        register(dag)
        return dag.test().state.value

    return run


@pytest.fixture(scope="session")
def deployed(tmp_path_factory) -> Path:
    """A DAG folder with this checkout as its release."""
    folder = tmp_path_factory.mktemp("composer") / "dags"
    deploy(REPOSITORY, folder)
    return folder


@pytest.fixture(scope="session")
def bag(deployed, airflow_database):
    """The DAGs of that folder, as Airflow reads them: every file, also one that does not mention Airflow."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2.11, 3.1
        from airflow.models.dagbag import DagBag
    return DagBag(str(deployed), safe_mode=False)


@dataclass(frozen=True)
class StandIn:
    """A stand-in for GKE: its state directory, the environment variables for the tools, and the DAG params for it."""

    state: Path
    environment: dict[str, str]
    params: dict[str, str]

    def by_gcloud(self) -> dict[str, Any]:
        """The argument of an operator that names it as a GKE cluster; {} if gcloud is not installed."""
        from gke_job import GkeCluster

        place = self.params
        if not place:
            return {}
        return {"cluster": GkeCluster(project=place["project"], location=place["location"], name=place["cluster"])}

    def jobs_of(self, dag_id: str) -> list[dict]:
        """The Jobs of a DAG, by the annotation that names it."""
        argv = ["kubectl", "get", "jobs", "--output", "json"]
        answer = subprocess.run(argv, env=self.environment, check=True, capture_output=True).stdout
        jobs = json.loads(answer)["items"]
        return [job for job in jobs if job["metadata"]["annotations"]["gke-job/dag-id"] == dag_id]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[StandIn]:
    """One stand-in for all examples; each example has its own Job there."""
    state = tmp_path_factory.mktemp("cluster") / "localgke"
    localgke = [sys.executable, "-m", "localgke"]
    subprocess.run([*localgke, "start", "--state", state], check=True)
    lines = (state / "env").read_text().splitlines()
    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    params = {name: exported[f"LOCALGKE_{name.upper()}"] for name in ("project", "location", "cluster")}
    # Without gcloud the examples use the current context of the stand-in's own kubeconfig.
    has_gcloud = shutil.which("gcloud") and shutil.which("gke-gcloud-auth-plugin")
    yield StandIn(state, {**os.environ, **exported}, params if has_gcloud else {})
    subprocess.run([*localgke, "stop", "--state", state], check=True)


@pytest.fixture
def on_stand_in(cluster, monkeypatch) -> None:
    """Makes the stand-in the cluster of this process and its children."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def mark(request, monkeypatch) -> str:
    """The mark of the processes that a test starts: see `marked` of deferred_jobs."""
    monkeypatch.setenv("GKE_JOB_TEST_MARK", f"{request.node.name}-{os.getpid()}")
    return os.environ["GKE_JOB_TEST_MARK"]


@pytest.fixture
def on_cluster(on_stand_in) -> Callable[[str], dict[str, Any]]:
    """The arguments of an operator whose Job runs a shell command on the stand-in, with the real scripts."""

    def on_cluster(shell_command: str) -> dict[str, Any]:
        values = {"image": "busybox:1.37", "command": ["sh", "-c", shell_command], "retries": 0}
        return {"task_id": "t", "template": "batch-job", "retry_delay": timedelta(0), "values": values}

    return on_cluster


class Run:
    """A run of an example, started as users start it."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._program = program

    def is_running(self) -> bool:
        return self._program.poll() is None

    def end(self) -> tuple[str, dict[str, Any]]:
        """Waits until the run has succeeded; returns the log, and the return value of each task."""
        log, _ = self._program.communicate()
        assert self._program.returncode == 0, log
        state, results = last_results(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))
        assert state == "success", log
        return log, results


@pytest.fixture
def start_dag(deployed, cluster) -> Callable[..., Run]:
    """Starts an example with these params."""

    def start_dag(dag_id: str, **params: Any) -> Run:
        airflow = Path(sys.executable).with_name("airflow")
        program = subprocess.Popen(
            [airflow, "dags", "test", dag_id, "--conf", json.dumps({**cluster.params, **params})],
            env={**cluster.environment, "AIRFLOW__CORE__DAGS_FOLDER": str(deployed)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Run(program)

    return start_dag


@pytest.fixture
def run_dag(start_dag) -> Callable[..., tuple[str, dict[str, Any]]]:
    """Runs an example until it ends; returns the log, and the return value of each task."""
    return lambda dag_id, **params: start_dag(dag_id, **params).end()


RECORDER = """
import json, os, stat, sys

arguments = sys.argv[2:]
values = arguments[arguments.index("--values") + 1]
template = arguments[arguments.index("--template") + 1]
record = {
    "arguments": arguments,
    "environment": dict(os.environ),
    "values": json.load(open(values)),
    "manifest": json.load(open(template)) if template.endswith("/template.json") else None,
    "modes": [stat.S_IMODE(os.stat(path).st_mode) for path in (os.path.dirname(values), values)],
}
with open(sys.argv[1], "a") as records:
    records.write(json.dumps(record) + "\\n")
"""


class RunJob:
    """Stands in for scripts/run-job: records how it was called, then prints `output` and exits with `status`.

    report: the files that it leaves for the operator, by name
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._records = directory / "records"
        (directory / "scripts").mkdir()
        (directory / "scripts" / "VERSION").write_text("1.2.3\n")
        (directory / "recorder.py").write_text(RECORDER)
        self.behaves(output="null")

    def fails(self, template: str) -> None:
        """From now on only Jobs of this template fail."""
        self.behaves(output="null", failing=template)

    def behaves(
        self, *, output: str = "", status: int = 0, failing: str = "", report: dict[str, str] | None = None
    ) -> None:
        (self._directory / "output").write_text(output)
        left = self._directory / "report"
        shutil.rmtree(left, ignore_errors=True)
        left.mkdir()
        for name, text in (report or {}).items():
            (left / name).write_text(text)
        script = self._directory / "scripts" / "run-job"
        script.write_text(
            f'"$GKE_JOB_PYTHON" "{self._directory}/recorder.py" "{self._records}" "$@"\n'
            f'case "$*" in *"--template {failing} "*) exit 1 ;; esac\n'
            f'cp -r "{left}/." "$GKE_JOB_CALLER_DIR"\n'
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
