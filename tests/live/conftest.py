"""One Airflow for all files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from live.runs import Airflow


@pytest.fixture(scope="session")
def airflow():
    """An Airflow with the stand-in for GKE as kubectl's current context."""
    with tempfile.TemporaryDirectory(prefix="live-airflow-") as directory:
        state = Path(directory, "localgke")
        localgke = [sys.executable, "-m", "localgke"]
        subprocess.run([*localgke, "start", "--state", state], check=True)
        lines = (state / "env").read_text().splitlines()
        os.environ |= dict(line.removeprefix("export ").split("=", 1) for line in lines)
        os.environ["NAMESPACE"] = "default"
        home = Path(directory, "airflow")
        home.mkdir()
        airflow = Airflow(home, parallelism=16)
        airflow.deploy(*(Path(__file__).with_name(name) for name in ("killed.py", "waiting.py")))
        try:
            airflow.start()
            yield airflow
        finally:
            airflow.stop()
            subprocess.run([*localgke, "stop", "--state", state], check=True)
