"""A complete Airflow for the tests, with the parts of Composer's: CeleryExecutor with Redis, PostgreSQL, scheduler,
worker, triggerer and, from Airflow 3 on, API server and DAG processor.

Its DAG folder has the layout that deploy-dags and Composer make, and the DAGs of the tests. Heartbeats are frequent, so
that Airflow detects the loss of a worker or triggerer within seconds. Each part can be stopped, killed and started
again. Needs redis-server and PostgreSQL.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from e2e.clusters import stand_in
from e2e.parts import Part
from e2e.processes import environment, free_port, kill, open_files, processes, stat
from e2e.services import postgresql, redis
from polling import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
AIRFLOW_2 = version("apache-airflow").startswith("2.")


@contextlib.contextmanager
def running_airflow(
    *dag_files: str, slots: int, counted: bool = False, settings: Mapping[str, object] | None = None
) -> Iterator[Airflow]:
    """Start an Airflow with DAG files of this directory, and the stand-in for GKE as kubectl's current context.

    :param slots: number of tasks that the worker of the default queue runs at the same time
    :param counted: whether to count the requests to the stand-in
    :param settings: options of the section `scheduler`
    """
    files = [Path(__file__).with_name(name) for name in dag_files]
    with (
        tempfile.TemporaryDirectory(prefix="e2e-cluster-") as directory,
        stand_in(Path(directory), counted=counted) as cluster,
        airflow_at(cluster, *files, slots=slots, settings=settings) as airflow,
    ):
        yield airflow


@contextlib.contextmanager
def airflow_at(
    cluster: Path, *dag_files: Path, slots: int, settings: Mapping[str, object] | None = None
) -> Iterator[Airflow]:
    """Start an Airflow with DAG files of any directory. The current context of kubectl is `cluster`."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="e2e-airflow-")))
        database, broker = stack.enter_context(postgresql()), stack.enter_context(redis())
        home = directory / "airflow"
        (home / "tmp").mkdir(parents=True)
        airflow = Airflow(home, cluster, slots=slots, database=database, broker=broker)
        os.environ |= {f"AIRFLOW__SCHEDULER__{name}": str(value) for name, value in (settings or {}).items()}
        airflow.deploy(*dag_files)
        stack.callback(airflow.end)
        airflow.start()
        yield airflow


class Airflow:
    """A running Airflow, and the actions of a user."""

    scheduler: Part
    triggerer: Part
    worker: Part  # of the default queue

    def __init__(self, home: Path, cluster: Path, *, slots: int, database: str, broker: str) -> None:
        self.home = home
        self.cluster = cluster
        self.dags = home / "dags"
        self.slots = slots
        self.parts: list[Part] = []
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        os.environ |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__CELERY__BROKER_URL": f"{broker}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"{broker}/1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2:{database}",
            "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            # Airflow 2.11 fails the next try of a task that is found lost twice before its DAG file is processed. A
            # file that is being processed when a task is found lost is processed again 30 s later.
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "60",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
            "PYTHONWARNINGS": "ignore",
            "TMPDIR": str(home / "tmp"),  # a killed script leaves its values there
        }

    def deploy(self, *sources: Path) -> None:
        """Copy the toolkit and `sources` to the DAG folder, and the plugin to the plugins folder."""
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        for source in ("dags/gke_job", "scripts", "templates"):
            target = self.dags / Path(source).name
            shutil.copytree(REPOSITORY / source, target, ignore=ignore, copy_function=shutil.copyfile)
        plugins = self.home / "plugins"
        plugins.mkdir()
        shutil.copyfile(REPOSITORY / "dags/gke_job/triggerer_path.py", plugins / "gke_job_triggerer_path.py")
        for source in sources:
            shutil.copyfile(source, self.dags / source.name)

    def start(self) -> None:
        """Start all parts; return when DAGs can be triggered."""
        self.command("db", "migrate")
        if not AIRFLOW_2:
            self.part("api-server", "api-server")
            self.part("dag-processor", "dag-processor")
        self.scheduler = self.part("scheduler", "scheduler", "--skip-serve-logs")
        self.worker = self.start_worker("worker", queue="default", slots=self.slots)
        self.triggerer = self.start_triggerer("triggerer")
        if not AIRFLOW_2:
            wait_until(self.answers, lambda: f"the API server answers; see {self.home}/api-server.log")

    def start_worker(self, name: str, *, queue: str, slots: int) -> Part:
        """Start a Celery worker that runs the tasks of a queue."""
        return self.part(
            name,
            *("celery", "worker", "--skip-serve-logs", "--celery-hostname", f"{name}@%h"),
            *("--queues", queue, "--concurrency", str(slots), "--pid", str(self.home / f"{name}.pid")),
        )

    def start_triggerer(self, name: str) -> Part:
        """Start another triggerer."""
        return self.part(name, "triggerer", "--skip-serve-logs")

    def part(self, name: str, *arguments: str) -> Part:
        """Start a part of Airflow."""
        self.parts.append(Part(self.home / f"{name}.log", *arguments))
        return self.parts[-1]

    def answers(self) -> bool:
        """Return whether the API server answers."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/api/v2/version").is_success
        return False

    def command(self, *arguments: str) -> None:
        """Run an airflow command; wait for its end, and check its exit code."""
        airflow = Path(sys.executable).with_name("airflow")
        done = subprocess.run(
            [airflow, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, done.stdout

    def end(self) -> None:
        """Kill all parts and their child processes."""
        while ours := [pid for pid in processes() if self._is_ours(pid)]:
            kill(*ours)
            for part in self.parts:
                part.has_ended()

    def _is_ours(self, pid: int) -> bool:
        """Return whether a process is of this Airflow, by its session or its environment.

        A child may have its own session; a process that sets its title has lost its environment.
        """
        fields = stat(pid)
        if not fields or fields[0] == b"Z":
            return False
        of_part = int(fields[3]) in {part.pid for part in self.parts}
        return of_part or f"AIRFLOW_HOME={self.home}".encode() in environment(pid)

    def api(self, method: str, path: str, **body: Any) -> Any:
        """Send a request to the REST API of Airflow 3; return its answer, None for 404."""
        token = httpx.get(f"{self.url}/auth/token", timeout=120).json()["access_token"]
        answer = httpx.request(
            method, f"{self.url}/api/v2{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=120
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        assert answer.is_success, answer.text
        return answer.json()

    def trigger(self, dag_id: str, run_id: str = "run", conf: Mapping[str, Any] | None = None) -> None:
        """Start a run of a DAG once Airflow has parsed it. DAGs of the tests are not paused. `conf` needs Airflow 3."""
        if AIRFLOW_2:
            from airflow.api.common.trigger_dag import trigger_dag
            from airflow.models import DagModel

            wait_until(
                lambda: DagModel.get_current(dag_id) and self._serialized(dag_id),
                lambda: f"DAG {dag_id} is known; see {self.home}/scheduler.log",
            )
            trigger_dag(dag_id, run_id=run_id)
        else:
            wait_until(lambda: self.api("GET", f"/dags/{dag_id}"), lambda: f"DAG {dag_id} is known")
            self.api("POST", f"/dags/{dag_id}/dagRuns", dag_run_id=run_id, logical_date=None, conf=conf or {})

    def mark(self, dag_id: str, task_id: str, state: str) -> None:
        """Mark a task of the run as `failed` or `success`, as a user does in the UI."""
        if AIRFLOW_2:
            self._serialized(dag_id).set_task_instance_state(task_id=task_id, run_id="run", state=state)
        else:
            self.api("PATCH", f"/dags/{dag_id}/dagRuns/run/taskInstances/{task_id}", new_state=state)

    def clear(self, dag_id: str, task_id: str) -> None:
        """Clear a task of the run, as a user does in the UI."""
        if AIRFLOW_2:
            from airflow.models.taskinstance import TaskInstance, clear_task_instances
            from airflow.utils.session import create_session

            dag = self._serialized(dag_id)
            with create_session() as session:
                tis = session.query(TaskInstance).filter_by(dag_id=dag_id, task_id=task_id, run_id="run").all()
                clear_task_instances(tis, session, dag=dag)
        else:
            body = {"dag_run_id": "run", "task_ids": [task_id], "dry_run": False, "only_failed": False}
            self.api("POST", f"/dags/{dag_id}/clearTaskInstances", **body, reset_dag_runs=True)

    def state(self, dag_id: str, task_id: str) -> tuple[str, int]:
        """Return state and try number of a task of the run."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session() as session:
            ti = session.query(TaskInstance).filter_by(dag_id=dag_id, task_id=task_id, run_id="run").one()
            return str(ti.state), ti.try_number

    def triggerer_of(self, dag_id: str, task_id: str) -> int | None:
        """Return the id of the triggerer of a deferred task of the run, None without one."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.trigger import Trigger
        from airflow.utils.session import create_session

        with create_session() as session:
            found = session.query(Trigger).join(TaskInstance, TaskInstance.trigger_id == Trigger.id)
            trigger = found.filter(TaskInstance.dag_id == dag_id, TaskInstance.task_id == task_id).one_or_none()
            return trigger and trigger.triggerer_id

    def asset_events(self, dag_id: str) -> int:
        """Return the number of asset events of a DAG."""
        from airflow.utils.session import create_session

        if AIRFLOW_2:
            from airflow.models.dataset import DatasetEvent as AssetEvent
        else:
            from airflow.models.asset import AssetEvent

        with create_session() as session:
            return session.query(AssetEvent).filter_by(source_dag_id=dag_id).count()

    def log(self, dag_id: str, task_id: str, try_number: int = 1) -> str:
        """Return the log of a try so far."""
        place = f"dag_id={dag_id}/run_id=run/task_id={task_id}/attempt={try_number}.log"
        file = self.home / "logs" / place
        return file.read_text() if file.exists() else ""

    def logs(self, dag_id: str, task_id: str) -> str:
        """Return the logs of all tries together: Airflow 2.11 may write one try of a deferred task to two files."""
        place = self.home / "logs" / f"dag_id={dag_id}/run_id=run/task_id={task_id}"
        return "".join(file.read_text() for file in sorted(place.glob("attempt=*.log")))

    def has_ended(self, dag_id: str, task_id: str, *states: str) -> bool:
        """Return whether a task has one of these states and its log is closed: Airflow 3 may set the state first."""
        if self.state(dag_id, task_id)[0] not in states:
            return False
        place = str(self.home.resolve() / "logs" / f"dag_id={dag_id}/run_id=run/task_id={task_id}/attempt=")
        written = (file for pid in processes() for file in open_files(pid))
        return not any(file.startswith(place) and file.endswith(".log") for file in written)

    def _serialized(self, dag_id: str) -> Any:
        from airflow.models.serialized_dag import SerializedDagModel

        return SerializedDagModel.get_dag(dag_id)
