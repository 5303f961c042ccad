"""The extra links of a task, and the plugin that shows them on Airflow 2.11."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gke_job import GkeCluster, GkeJobOperator, links, paths
from gke_job.compat import AIRFLOW_2

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

CLUSTER = {"project": "p-1", "location": "europe-west4", "name": "ml", "context": ""}
JOB = {"name": "train", "namespace": "team", "uid": "u", "cluster": CLUSTER}
JOB_URL = "https://console.cloud.google.com/kubernetes/job/europe-west4/ml/team/train/details?project=p-1"


def test_they_are_those_that_run_job_logs():
    library = paths.script("lib/airflow.bash")
    script = f'log() {{ echo "$1"; }}; report() {{ echo "$1=$2"; }}; source "{library}"; print_links "$@"'
    line = ["bash", "-c", script, "-", "p-1", "europe-west4", "ml", "team", "train"]
    said = subprocess.run(line, check=True, capture_output=True, text=True).stdout.splitlines()
    assert said[0] == f"console: {links.job_url(JOB)}"
    assert f"logs={links.logs_url(JOB)}" in said
    assert links.job_url(JOB) == JOB_URL


@pytest.mark.parametrize("job", [None, {}, "text", {**JOB, "cluster": {"context": "c"}}, {**JOB, "cluster": "c"}])
def test_without_a_cluster_of_google_cloud_there_are_none(job):
    assert (links.job_url(job), links.logs_url(job)) == ("", "")


def test_what_a_param_holds_stays_a_part_of_the_url():
    hostile = {**JOB, "cluster": {**CLUSTER, "project": 'x&y"/..#', "name": "a/b?c"}}
    assert links.job_url(hostile).endswith("/job/europe-west4/a%2Fb%3Fc/team/train/details?project=x%26y%22%2F..%23")


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 2.11 has them by a plugin")
def test_airflow_3_has_them_as_soon_as_the_job_is_submitted(run, run_job, monkeypatch):
    from airflow.sdk.execution_time.xcom import XCom

    pushed = []
    store = XCom.set

    def note(*args, **kwargs):
        pushed.append((kwargs.get("key") or args[0], kwargs.get("value") or args[1]))
        return store(*args, **kwargs)

    monkeypatch.setattr(XCom, "set", note)
    run_job.behaves(output="5", report={"job": "train team u"})
    cluster = GkeCluster(project="p-1", location="europe-west4", name="ml")
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", cluster=cluster)) == "success"
    assert pushed[:3] == [("job", JOB), ("_link_JobLink", JOB_URL), ("_link_LogsLink", links.logs_url(JOB))]
    assert ("return_value", 5) in pushed


@pytest.mark.skipif(not AIRFLOW_2, reason="Airflow 3 needs no plugin")
def test_airflow_2_shows_them_by_the_plugin_alone(tmp_path):
    """In a web server, which has the plugin and not the package."""
    from airflow.serialization.serialized_objects import SerializedDAG

    with DAG("d", schedule=None) as dag:
        GkeJobOperator(task_id="t", template="batch-job")
    (tmp_path / "dag.json").write_text(json.dumps(SerializedDAG.to_dict(dag)))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "gke_job_links.py").write_text(Path(links.__file__).read_text())
    (tmp_path / "server.py").write_text(f"""
import json
from airflow import settings
settings.PLUGINS_FOLDER = {str(tmp_path / "plugins")!r}
from airflow.models.xcom import XCom
from airflow.serialization.serialized_objects import SerializedDAG

XCom.get_value = lambda *, ti_key, key: {{"t": {JOB!r}}}[ti_key] if key == "job" else None
dag = SerializedDAG.from_dict(json.load(open({str(tmp_path / "dag.json")!r})))
for task in dag.tasks:
    print(json.dumps({{link.name: link.get_link(task, ti_key="t") for link in task.operator_extra_links}}))
""")
    done = subprocess.run([sys.executable, tmp_path / "server.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = {"Job in Google Cloud console": JOB_URL, "Logs in Cloud Logging": links.logs_url(JOB)}
    assert [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")] == [shown]
    assert "gke_job" not in done.stderr
