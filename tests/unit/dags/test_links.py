"""The extra links of a task, and the plugin that shows them on Airflow 2.11."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gke_job import GkeCluster, GkeJobOperator, links, paths
from gke_job.compat import AIRFLOW_2

CLUSTER = {"project": "p-1", "location": "europe-west4", "name": "ml", "context": ""}
JOB = {"name": "train", "namespace": "team", "uid": "u", "cluster": CLUSTER}
JOB_URL = "https://console.cloud.google.com/kubernetes/job/europe-west4/ml/team/train/details?project=p-1"


def test_the_links_are_those_that_run_job_logs():
    library = paths.script("lib/bash/airflow.bash")
    stubs = 'log() { echo "$1"; }; common::tell_caller() { echo "$1=$2"; }'
    script = f'{stubs}; source "{library}"; airflow::print_links "$@"'
    argv = ["bash", "-c", script, "-", "p-1", "europe-west4", "ml", "team", "train"]
    message = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    assert message[0] == f"console: {links.job_url(JOB)}"
    assert f"logs={links.logs_url(JOB)}" in message
    assert links.job_url(JOB) == JOB_URL


@pytest.mark.parametrize("job", [None, {}, "text", {**JOB, "cluster": {"context": "c"}}, {**JOB, "cluster": "c"}])
def test_without_a_cluster_of_google_cloud_a_job_has_no_links(job):
    assert (links.job_url(job), links.logs_url(job)) == ("", "")


def test_a_value_from_a_param_cannot_change_the_structure_of_the_url():
    hostile = {**JOB, "cluster": {**CLUSTER, "project": 'x&y"/..#', "name": "a/b?c"}}
    assert links.job_url(hostile).endswith("/job/europe-west4/a%2Fb%3Fc/team/train/details?project=x%26y%22%2F..%23")


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 2.11 has them by a plugin")
def test_airflow_3_has_the_links_when_the_job_is_submitted(run, run_job, monkeypatch):
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
@pytest.mark.parametrize("has_plugin", [True, False])
def test_airflow_2_shows_the_links_only_with_the_plugin(tmp_path, has_plugin):
    """Also for mapped tasks and derived operators, in a web server that does not have the package."""
    (tmp_path / "plugins").mkdir()
    if has_plugin:
        (tmp_path / "plugins" / "gke_job_links.py").write_text(Path(links.__file__).read_text())
    (tmp_path / "dag_processor.py").write_text(f"""
import json, sys
sys.path.append({str(paths.DAGS)!r})
from airflow import DAG
from airflow.serialization.serialized_objects import SerializedDAG
from gke_job import GkeJobOperator

class Derived(GkeJobOperator):
    pass

with DAG("d", schedule=None) as dag:
    GkeJobOperator(task_id="plain", template="batch-job")
    Derived(task_id="derived", template="batch-job")
    GkeJobOperator.partial(task_id="mapped", template="batch-job").expand(map_values=[{{"n": 1}}])
json.dump(SerializedDAG.to_dict(dag), open({str(tmp_path / "dag.json")!r}, "w"))
""")
    (tmp_path / "web_server.py").write_text(f"""
import json
from airflow.models.xcom import XCom
from airflow.serialization.serialized_objects import SerializedDAG

XCom.get_value = lambda *, ti_key, key: {{"t": {JOB!r}}}[ti_key] if key == "job" else None
dag = SerializedDAG.from_dict(json.load(open({str(tmp_path / "dag.json")!r})))
for task in dag.tasks:
    shown = {{name: task.operator_extra_link_dict[name].get_link(task, ti_key="t") for name in task.extra_links}}
    print(json.dumps({{task.task_id: shown}}))
""")
    environment = {**os.environ, "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "plugins")}
    shown = {}
    for program in ("dag_processor.py", "web_server.py"):
        argv = [sys.executable, tmp_path / program]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "not registered" not in done.stdout + done.stderr
        for text in done.stdout.splitlines():
            shown |= json.loads(text) if text.startswith("{") else {}
    both = {"Job in Google Cloud console": JOB_URL, "Logs in Cloud Logging": links.logs_url(JOB)}
    assert shown == dict.fromkeys(("plain", "derived", "mapped"), both if has_plugin else {})
