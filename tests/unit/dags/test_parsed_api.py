"""deploy-dags calls the REST API of a real Airflow, with DAGs that are parsed, and one that cannot be imported."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import pytest

from gke_jobs.deployment import waiting
from gke_jobs.deployment.airflow_api import Airflow
from gke_jobs.deployment.unanswered import DeniedError, UnansweredError
from gke_jobs.messages import ScriptError
from polling import wait_until

GOOD = """
try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG
dag = DAG("good", schedule=None)
"""
RELEASE = "v1_0_0_aaaaaaaaaaaa"


class Environment:
    """An Airflow with a running API server."""

    def __init__(self, home: Path, version: str) -> None:
        self.image = f"composer-3-airflow-{version}"
        self._is_2 = version.startswith("2.")
        dags = home / "gcs/dags"  # as on Composer
        dags.mkdir(parents=True)
        (dags / "good.py").write_text(GOOD)
        (dags / "broken.py").write_text("# airflow dag\nfrom gke_job import Nothing\n")
        (home / "webserver_config.py").write_text('AUTH_ROLE_PUBLIC = "Viewer"\n')  # of Airflow 2.11
        self._environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # of gunicorn
            "PYTHONPATH": "",  # DAGs find no gke_job
        }
        self._log = (home / "log").open("wb")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.start("db", "migrate").wait()
        server = "webserver" if self._is_2 else "api-server"
        self.server = self.start(server, "--port", self.address.rpartition(":")[2], "--workers", "1")

    def start(self, *arguments: str) -> subprocess.Popen:
        argv = [Path(sys.executable).with_name("airflow"), *arguments]
        return subprocess.Popen(
            argv,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def parse(self) -> subprocess.Popen:
        """Start to parse each DAG at least once; on SQLite the scheduler of Airflow 2.11 parses them."""
        return self.start(*(["scheduler", "--num-runs", "2"] if self._is_2 else ["dag-processor", "--num-runs", "1"]))

    def airflow(self) -> Airflow:
        return Airflow(self.address, self.image, self.token)

    def next_release(self) -> float:
        """Return a time after all earlier parses, also by the API server's clock, which a busy server updates late."""
        now = datetime.now(timezone.utc)
        wait_until(lambda: self.airflow().read(30).time > now)
        return time.time() + 1  # the clock of Airflow shows whole seconds

    def wait(self, since: float, seconds: float) -> None:
        """Wait for DAGs that were parsed after a time."""
        request = waiting.Request(release=RELEASE, delay=since - time.time(), timeout=seconds)
        waiting.Wait(self.airflow(), lambda seconds: None, request).run()

    def token(self, seconds: float = 30) -> str:
        """Return a token of the real API server; Airflow 2.11 has no tokens here, and accepts any."""
        if self._is_2:
            return "any"
        with urllib.request.urlopen(f"{self.address}/auth/token", timeout=seconds) as answer:
            return json.load(answer)["access_token"]

    def end(self) -> None:
        os.killpg(self.server.pid, signal.SIGTERM)
        self.server.wait()
        self._log.close()


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    from importlib.metadata import version

    environment = Environment(tmp_path_factory.mktemp("environment"), version("apache-airflow"))
    try:
        while environment.server.poll() is None:  # if the server ends, it has failed, and the tests fail
            with suppress(UnansweredError, OSError):
                environment.airflow().read(30)
                break
            time.sleep(0.2)
        yield environment
    finally:
        environment.end()


def test_it_waits_until_a_real_airflow_has_parsed_the_dags_and_reports_import_errors(environment, capsys, monkeypatch):
    before = time.time()
    assert environment.parse().wait() == 0
    assert [dag["dag_id"] for dag in environment.airflow().read(30).dags] == ["good"]
    with pytest.raises(ScriptError, match="1 DAG files cannot be imported, see above"):
        environment.wait(before, 30)
    assert capsys.readouterr().err.splitlines() == [
        "gke-job: broken.py: ModuleNotFoundError: No module named 'gke_job'",
        f"gke-job: done: Airflow has parsed 1 DAGs with release {RELEASE}",
    ]

    with pytest.raises(ScriptError, match=r"has not parsed broken.py, good.py within 5 s: 0 of 1 DAGs are parsed; "):
        environment.wait(environment.next_release(), 5)
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.5)
    taken = environment.next_release()
    parsing = environment.parse()
    with pytest.raises(ScriptError, match="1 DAG files cannot be imported, see above"):
        environment.wait(taken, 60)
    assert "0 of 1 DAGs are parsed; not yet: broken.py, good.py" in capsys.readouterr().err
    parsing.wait()


def test_a_real_airflow_refuses_a_wrong_token(environment):
    if environment.token() == "any":
        pytest.skip("Airflow 2.11 has no tokens of its own")
    with pytest.raises(DeniedError, match="permission denied: HTTP 403 Invalid JWT token"):
        Airflow(environment.address, environment.image, lambda seconds: "wrong").read(30)


def test_the_api_of_the_other_airflow_version_is_an_error(environment):
    other = "composer-3-airflow-3.3.1" if environment.token() == "any" else "composer-2-airflow-2.11.1"
    with pytest.raises(UnansweredError, match="it has no such REST API: HTTP 404"):
        Airflow(environment.address, other, environment.token).read(30)
