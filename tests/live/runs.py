"""A whole Airflow that runs for tests: scheduler, LocalExecutor and, from Airflow 3 on, API server and DAG processor.

Its DAG folder is made as deploy-dags and Composer make it, with the DAGs of the tests in it. It asks for heartbeats
often, so that the loss of a worker is noticed within seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
AIRFLOW_2 = version("apache-airflow").startswith("2.")
PATIENCE = 120  # seconds until what should happen counts as not happening


def wait_for(what: Callable[[], Any], message: Callable[[], str]) -> Any:
    """What `what` returns once that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {message()}"
        time.sleep(0.2)
    return found


@contextlib.contextmanager
def running_airflow(*dag_files: str, parallelism: int, kind: type[Airflow] | None = None) -> Iterator[Airflow]:
    """An Airflow with these files of this directory, and the stand-in for GKE as kubectl's current context."""
    with tempfile.TemporaryDirectory(prefix="live-airflow-") as directory:
        state = Path(directory, "localgke")
        localgke = [sys.executable, "-m", "localgke"]
        subprocess.run([*localgke, "start", "--state", state], check=True)
        lines = (state / "env").read_text().splitlines()
        os.environ |= dict(line.removeprefix("export ").split("=", 1) for line in lines)
        os.environ["NAMESPACE"] = "default"
        home = Path(directory, "airflow")
        (home / "tmp").mkdir(parents=True)
        airflow = (kind or Airflow)(home, parallelism=parallelism)
        airflow.deploy(*(Path(__file__).with_name(name) for name in dag_files))
        try:
            airflow.start()
            yield airflow
        finally:
            airflow.stop()
            subprocess.run([*localgke, "stop", "--state", state], check=True)


class Airflow:
    """The Airflow that runs, and what a person can do with it."""

    def __init__(self, home: Path, *, parallelism: int) -> None:
        self.home = home
        self.dags = home / "dags"
        self.parts: list[subprocess.Popen[bytes]] = []
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        os.environ |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": str(parallelism),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            # SQLite locks no rows: what a task of 2.11 schedules after it, the scheduler would schedule and count, too.
            "AIRFLOW__SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION": "False",
            "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "20",
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
            # SQLite does for the few tasks here; Airflow 2 has an executor of its own for it, which runs one at a time.
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
            "PYTHONWARNINGS": "ignore",
            "TMPDIR": str(home / "tmp"),  # what is killed leaves its values there
        }

    def deploy(self, *sources: Path) -> None:
        """Fill the DAG folder: the toolkit, and these files."""
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        for source in ("dags/gke_job", "scripts", "templates"):
            target = self.dags / Path(source).name
            shutil.copytree(REPOSITORY / source, target, ignore=ignore, copy_function=shutil.copyfile)
        for source in sources:
            shutil.copyfile(source, self.dags / source.name)

    def start(self) -> None:
        """Start all parts; returns when tasks can be run."""
        self.command("db", "migrate")
        if AIRFLOW_2:
            self.part("scheduler", "--skip-serve-logs")
            return
        self.part("api-server")
        self.part("dag-processor")
        wait_for(self.answers, lambda: f"the API server answers; see {self.home}/api-server.log")
        self.part("scheduler", "--skip-serve-logs")

    def answers(self) -> bool:
        """Whether the API server does."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/api/v2/version").is_success
        return False

    def command(self, *arguments: str) -> None:
        """Run the airflow command to its end."""
        airflow = Path(sys.executable).with_name("airflow")
        done = subprocess.run(
            [airflow, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, done.stdout

    def part(self, *arguments: str) -> int:
        """Start a part of Airflow; returns the id of its process."""
        return self.process(Path(sys.executable).with_name("airflow"), *arguments, log=arguments[0])

    def process(self, *command: str | Path, log: str) -> int:
        """Start a process in a session of its own; returns its id."""
        with (self.home / f"{log}.log").open("ab") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.parts.append(process)
        return process.pid

    def stop(self) -> None:
        """Kill all parts and whatever they have started."""
        while ours := [pid for pid in processes() if self._is_ours(pid)]:
            for pid in ours:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for part in self.parts:
                part.poll()

    def _is_ours(self, pid: int) -> bool:
        """By its session or, for what has one of its own, by its environment; a renamed process has lost that."""
        stat = read(pid, "stat").rpartition(b")")[2].split()
        sessions = [part.pid for part in self.parts]
        mark = f"AIRFLOW_HOME={self.home}".encode()
        if not stat or stat[0] == b"Z":
            return False
        return int(stat[3]) in sessions or mark in read(pid, "environ").split(b"\0")

    def api(self, method: str, path: str, **body: Any) -> Any:
        """Ask the REST API of Airflow 3; 404 is None."""
        token = httpx.get(f"{self.url}/auth/token").json()["access_token"]
        answer = httpx.request(
            method, f"{self.url}/api/v2{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        assert answer.is_success, answer.text
        return answer.json()

    def trigger(self, dag_id: str) -> None:
        """Start the run `run` of a DAG once Airflow knows it; a DAG of the tests is not paused."""
        if AIRFLOW_2:
            from airflow.api.common.trigger_dag import trigger_dag
            from airflow.models import DagModel

            wait_for(
                lambda: DagModel.get_current(dag_id) and self._serialized(dag_id),
                lambda: f"DAG {dag_id} is known; see {self.home}/scheduler.log",
            )
            trigger_dag(dag_id, run_id="run")
        else:
            wait_for(lambda: self.api("GET", f"/dags/{dag_id}"), lambda: f"DAG {dag_id} is known")
            self.api("POST", f"/dags/{dag_id}/dagRuns", dag_run_id="run", logical_date=None)

    def mark(self, dag_id: str, task_id: str, state: str) -> None:
        """Mark a task of the run as `failed` or `success`, as a person does in the UI."""
        if AIRFLOW_2:
            self._serialized(dag_id).set_task_instance_state(task_id=task_id, run_id="run", state=state)
        else:
            self.api("PATCH", f"/dags/{dag_id}/dagRuns/run/taskInstances/{task_id}", new_state=state)

    def clear(self, dag_id: str, task_id: str) -> None:
        """Clear a task of the run, as a person does in the UI."""
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
        """State and try number of a task of the run."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session() as session:
            ti = session.query(TaskInstance).filter_by(dag_id=dag_id, task_id=task_id, run_id="run").one()
            return str(ti.state), ti.try_number

    def log(self, dag_id: str, task_id: str, try_number: int = 1) -> str:
        """The log of a try, as far as it is written."""
        place = f"dag_id={dag_id}/run_id=run/task_id={task_id}/attempt={try_number}.log"
        file = self.home / "logs" / place
        return file.read_text() if file.exists() else ""

    def logs(self, dag_id: str, task_id: str) -> str:
        """The logs of all tries; Airflow 2.11 may number the first look of a sensor differently from the others."""
        place = self.home / "logs" / f"dag_id={dag_id}/run_id=run/task_id={task_id}"
        return "".join(file.read_text() for file in sorted(place.glob("attempt=*.log")))

    def _serialized(self, dag_id: str) -> Any:
        from airflow.models.serialized_dag import SerializedDagModel

        return SerializedDagModel.get_dag(dag_id)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def processes() -> Iterator[int]:
    """The ids of all processes."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def read(pid: int, name: str) -> bytes:
    """A file in /proc of a process, empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def parent(pid: int) -> int:
    """The process that started another one."""
    return int(read(pid, "stat").rpartition(b")")[2].split()[1])


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    stats = ((other, read(other, "stat").rpartition(b")")[2].split()) for other in processes())
    children = [other for other, fields in stats if fields and int(fields[1]) == pid]
    return [found for child in children for found in (child, *descendants(child))]


def run_job_of(dag_id: str) -> int | None:
    """The process of run-job that serves a DAG: the leader of its process group."""
    mark = f"AIRFLOW_CTX_DAG_ID={dag_id}".encode()
    for pid in processes():
        if b"run-job" in read(pid, "cmdline") and mark in read(pid, "environ").split(b"\0") and os.getpgid(pid) == pid:
            return pid
    return None


def job_of(dag_id: str) -> dict[str, Any] | None:
    """The Job of a DAG."""
    done = subprocess.run(["kubectl", "get", "jobs", "--output", "json"], stdout=subprocess.PIPE, check=True)
    jobs = json.loads(done.stdout)["items"]
    return next((job for job in jobs if job["metadata"]["annotations"]["gke-job/dag-id"] == dag_id), None)


def uid_of(dag_id: str) -> str | None:
    """The uid of the Job of a DAG."""
    job = job_of(dag_id)
    return job and job["metadata"]["uid"]
