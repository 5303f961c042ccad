"""Releases in a DAG folder: which release a process imports, while files arrive and while Jobs run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from releases import deploy

from gke_jobs.deployment import plan
from gke_jobs.deployment.deployed import read_pointer, write_pointer

REPOSITORY = Path(__file__).resolve().parents[3]


def checkout(directory: Path, **changed: str) -> Path:
    """A checkout whose files in scripts/ differ by an addition at their end."""
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("dags", "scripts", "templates"):
        shutil.copytree(REPOSITORY / part, directory / part, ignore=ignore, copy_function=shutil.copyfile)
    for name, text in changed.items():
        with (directory / "scripts" / name.replace("_", "-")).open("a") as script:
            script.write(text)
    return directory


def python(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process that has the DAG folder in its path, as processes of Airflow do."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    argv = [sys.executable, "-W", "ignore", "-c", program]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, cwd="/")


def release_of(folder: Path, package: str = "gke_job") -> str:
    """The release that a new process imports."""
    done = python(folder, f"import {package} as package; print(package._package.__name__)")
    assert done.returncode == 0, done.stderr
    return re.fullmatch(r"(?:\w+\.)?gke_job_releases\.(\w+)\.gke_job\n", done.stdout)[1]


@pytest.fixture(scope="module")
def changed(tmp_path_factory) -> Path:
    """A checkout that differs from this one."""
    return checkout(tmp_path_factory.mktemp("changed"), run_job="# another release\n")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "dags"


def test_a_dag_imports_the_release_and_runs_its_scripts(folder):
    name = deploy(REPOSITORY, folder)
    program = f"""
from gke_job import GkeJobOperator
from gke_job_releases.{name}.gke_job import paths
print(GkeJobOperator.__module__, paths.version(), paths.script("run-job"))
"""
    module, version, script = python(folder, program).stdout.split()[-3:]
    assert module == f"gke_job_releases.{name}.gke_job.operator"
    assert version == name
    assert script == f"{folder}/gke_job_releases/{name}/scripts/run-job"
    assert re.fullmatch(r"v\d+_\d+_\d+_[0-9a-f]{12}", name)


def test_a_name_that_the_package_lacks_is_an_error(folder):
    deploy(REPOSITORY, folder)
    assert "cannot import name 'GkeJob'" in python(folder, "from gke_job import GkeJob").stderr


@pytest.mark.parametrize("damage", ["a file is missing", "a file is cut", "the list is cut"])
def test_the_previous_release_is_used_if_a_release_is_not_complete(folder, changed, damage):
    before = deploy(REPOSITORY, folder)
    name = deploy(changed, folder)
    assert release_of(folder) == name
    release = folder / "gke_job_releases" / name
    if damage == "a file is missing":
        (release / "templates/batch-job.yaml.j2").unlink()
    else:
        file = release / ("MANIFEST" if damage == "the list is cut" else "scripts/run-job")
        file.write_bytes(file.read_bytes()[:1000])
    assert release_of(folder) == before


def test_after_a_rollback_to_a_damaged_release_the_previous_one_is_used(folder, changed):
    before = deploy(REPOSITORY, folder)
    name = deploy(changed, folder)
    pointer = folder / "gke_job/__init__.py"
    request = plan.Request(now=int(time.time()))
    chosen = plan.roll_back(request, before, read_pointer(pointer.read_text()))
    pointer.write_text(write_pointer(pointer.read_text(), chosen.deployed))
    assert release_of(folder) == before
    (folder / "gke_job_releases" / before / "scripts/run-job").unlink()
    assert release_of(folder) == name


def test_the_error_without_a_complete_release_names_the_missing_file(folder):
    name = deploy(REPOSITORY, folder)
    shutil.rmtree(folder / "gke_job_releases")
    error = python(folder, "import gke_job").stderr.splitlines()[-1]
    assert error == (
        f"ImportError: no release of gke_job is complete in {folder}/gke_job_releases, of {name}: "
        "the files of the bucket have not arrived yet, or deploy-dags must run again"
    )


def test_a_release_is_used_from_its_time_on(folder, changed):
    before = deploy(REPOSITORY, folder)
    name = deploy(changed, folder, seconds_ago=0)
    assert release_of(folder) == before
    shutil.rmtree(folder / "gke_job_releases" / before)
    assert release_of(folder) == name  # the only release is used before its time


def test_a_triggerer_can_run_triggers_of_two_releases(folder, changed):
    """It runs for a long time, and does not import the pointer: a trigger names its release."""
    first, second = folder.parent / "first", folder.parent / "second"
    names = [deploy(REPOSITORY, first), deploy(changed, second)]
    program = f"""
import shutil, sys
from pathlib import Path
from importlib import import_module
folder = Path({str(folder)!r})
for source, name in zip({[str(first), str(second)]!r}, {names!r}):
    shutil.copytree(source, folder, dirs_exist_ok=True)  # arrives while the process runs
    trigger = import_module(f"gke_job_releases.{{name}}.gke_job.trigger").GkeJobTrigger
    made = trigger(cluster={{}}, namespace="n", job="j", uid="u", airflow_environment="e")
    paths = import_module(f"gke_job_releases.{{name}}.gke_job.paths")
    print(made.serialize()[0], paths.script("watch-jobs"))
print("gke_job" in sys.modules)
"""
    folder.mkdir()
    done = python(folder, program)
    assert done.returncode == 0, done.stderr
    *found, has_pointer = done.stdout.splitlines()[-3:]
    assert found == [
        f"gke_job_releases.{name}.gke_job.trigger.GkeJobTrigger {folder}/gke_job_releases/{name}/scripts/watch-jobs"
        for name in names
    ]
    assert has_pointer == "False"


def test_two_teams_in_one_folder_have_separate_releases(folder, changed):
    one = deploy(REPOSITORY, folder, prefix="churn")
    other = deploy(changed, folder, prefix="demand")
    assert (release_of(folder, "churn.gke_job"), release_of(folder, "demand.gke_job")) == (one, other)
    assert "from churn.gke_job import" in (folder / "churn/gke_job_examples/sweep.py").read_text()
    program = """
from churn.gke_job import GkeJobOperator as one
from demand.gke_job import GkeJobOperator as other
print(one.__module__ != other.__module__)
"""
    assert python(folder, program).stdout.splitlines()[-1] == "True"


class SlowSyncer(threading.Thread):
    """Copies the folder of a bucket to that of a worker: file by file, in place, in pieces, the pointer first.

    What processes of the worker import in the meantime is in `seen`.
    """

    def __init__(self, bucket: Path, worker: Path) -> None:
        super().__init__()
        self._bucket, self._worker = bucket, worker
        self.seen: set[str] = set()

    def run(self) -> None:
        names = sorted(path.relative_to(self._bucket) for path in self._bucket.rglob("*") if path.is_file())
        for number, name in enumerate(names):
            target = self._worker / name
            content = (self._bucket / name).read_bytes()
            if target.exists() and target.read_bytes() == content:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                file.write(content[: len(content) // 2])
                file.flush()
                if number % 40 == 0:
                    self.seen.add(release_of(self._worker))
                file.write(content[len(content) // 2 :])


TASK = """
import subprocess
from importlib import import_module
import gke_job

command = import_module(f"{gke_job._package.__name__}.command").command
subprocess.run(command("run-job", template="batch-job", values="/dev/stdin", name="held", mark="later"), check=True)
subprocess.run(command("collect-job", job="held", namespace="default", mark="only"), check=True)
"""


def test_a_deployment_while_a_job_runs_changes_nothing_for_it(folder, cluster, tmp_path):
    """Each script of the new release exits with 70. A task runs a script while files arrive, and another one later."""
    before = deploy(REPOSITORY, folder)
    bucket = shutil.copytree(folder, tmp_path / "bucket")
    go, log_file = cluster.state / "buckets/ml-checkpoints/go", tmp_path / "log"
    shell = "echo begun; until [ -e /bucket/go ]; do sleep 0.05; done; echo 5 >/dev/termination-log"
    values = {"image": "busybox:1.37", "command": ["sh", "-c", shell], "buckets": {"/bucket": "ml-checkpoints"}}
    environment = {**cluster.environment, "GKE_JOB_PYTHON": sys.executable, "PYTHONPATH": str(folder)}
    with log_file.open("wb") as log:
        argv = [sys.executable, "-c", TASK]
        task = subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/")
    task.stdin.write(json.dumps(values).encode())
    task.stdin.close()
    while "| begun" not in log_file.read_text():
        assert task.poll() is None, log_file.read_text()
        time.sleep(0.05)

    broken = checkout(tmp_path / "broken")
    for script in (broken / "scripts").iterdir():
        if script.is_file() and script.name != "VERSION":
            script.write_text("exit 70\n")
    after = deploy(broken, bucket)
    syncer = SlowSyncer(bucket, folder)
    syncer.start()
    syncer.join()
    assert syncer.seen == {before}  # the new one is complete with its last file
    assert release_of(folder) == after
    assert subprocess.run(["bash", folder / "gke_job_releases" / after / "scripts/run-job"]).returncode == 70
    go.touch()
    assert task.wait(timeout=60) == 0, log_file.read_text()
    assert log_file.read_text().startswith(f"run-job: gke-job {before}\n")
    assert "\n5\n" in log_file.read_text()
    mark = subprocess.run(
        ["kubectl", "get", "job", "held", "--output", "jsonpath={.metadata.annotations.gke-job/collected}"],
        env=cluster.environment,
        capture_output=True,
        text=True,
    ).stdout
    assert mark.startswith("2")  # a time
