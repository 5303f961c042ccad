"""The example DAG: as Airflow loads it, and run on the stand-in for GKE."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.summary import last_run

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory) -> Path:
    """A DAG folder as deploy-dags and Composer make it: scripts and templates inside, no run bits."""
    folder = tmp_path_factory.mktemp("composer") / "dags"
    for source, target in {"dags": ".", "scripts": "scripts", "templates": "templates"}.items():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(
            REPOSITORY / source, folder / target, copy_function=shutil.copyfile, ignore=ignore, dirs_exist_ok=True
        )
    return folder


@pytest.fixture(scope="module")
def bag(deployed, airflow_database):
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2.11
        from airflow.models import DagBag
    return DagBag(str(deployed), safe_mode=False)  # reads every file, also one that does not mention Airflow


def test_it_loads_without_errors(bag):
    assert bag.import_errors == {}
    assert sorted(bag.dags) == ["reap_jobs", "train_model"]
    assert all(dag.doc_md for dag in bag.dags.values())


def test_airflow_reads_no_other_file_of_the_toolkit(bag):
    assert sorted(Path(stat.file).name for stat in bag.dagbag_stats) == ["reap_jobs.py", "train_model.py"]


def test_each_task_waits_for_what_it_uses(bag):
    upstream = {task.task_id: task.upstream_task_ids for task in bag.dags["train_model"].tasks}
    assert upstream == {
        "measure": set(),
        "choose_profile": {"measure"},
        "train": {"choose_profile"},
        "evaluate": {"train"},
        "report": {"measure", "choose_profile", "train", "evaluate"},
    }


@pytest.mark.parametrize(
    ("size", "profile"),
    [(0, "cpu-small"), (10**6, "cpu-small"), (10**6 + 1, "cpu-large"), (10**9, "cpu-large"), (10**9 + 1, "highmem")],
)
def test_the_profile_grows_with_the_data(bag, size, profile):
    choose = bag.dags["train_model"].get_task("choose_profile").python_callable
    assert choose(size) == profile


@pytest.fixture
def cluster(tmp_path):
    """The environment that leads to a stand-in for GKE, and the DAG params that name its cluster."""
    state = tmp_path / "localgke"
    localgke = [sys.executable, "-m", "localgke"]
    subprocess.run([*localgke, "start", "--state", state], check=True)
    lines = (state / "env").read_text().splitlines()
    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    params = {name: exported[f"LOCALGKE_{name.upper()}"] for name in ("project", "location", "cluster")}
    # Without gcloud the current context of the stand-in's own kubeconfig has to do.
    yield exported, params if shutil.which("gcloud") and shutil.which("gke-gcloud-auth-plugin") else {}
    subprocess.run([*localgke, "stop", "--state", state], check=True)


def test_its_jobs_run_from_a_deployed_folder_and_its_report_sums_up_their_results(deployed, cluster):
    exported, params = cluster
    airflow = Path(sys.executable).with_name("airflow")
    done = subprocess.run(
        [airflow, "dags", "test", "train_model", "--conf", json.dumps({**params, "epochs": 3})],
        env={**os.environ, **exported, "AIRFLOW__CORE__DAGS_FOLDER": str(deployed)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert f"bash {deployed}/scripts/run-job" in done.stdout
    assert "epoch 3/3  loss 0.3" in done.stdout
    state, report = last_run(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))
    assert state == "success"
    assert report["rows"] == 20_000
    assert report["profile"] == "cpu-large"
    assert report["accuracy"] > 0.8
