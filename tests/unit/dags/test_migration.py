"""dags/MIGRATION.md: its tables match the source of Airflow's providers, and its tasks work with GkeJobOperator.

tests/conformance/migration.bats runs the same tasks on a cluster.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from conformance import ported
from gke_job import GkeJobOperator
from gke_jobs.rendering.rendering import render

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "templates"
PROVIDERS = ROOT / ".build" / "providers" / "airflow" / "providers"
POD = PROVIDERS / "cncf/kubernetes/operators/pod.py"
JOB = PROVIDERS / "cncf/kubernetes/operators/job.py"
GKE = PROVIDERS / "google/cloud/operators/kubernetes_engine.py"
KUBERNETES = "1.36"
OF_EVERY_OPERATOR = {"task_id", "retries"}
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| ?(.*?) ?\|$", re.MULTILINE)


class TaskInstance:
    map_index = -1
    try_number = 1
    max_tries = 0
    job_id = None

    def xcom_push(self, *, key, value):
        """Accepts the keys of a result."""


@functools.cache
def parameters(file: Path, operator: str) -> set[str]:
    """The parameters of `__init__` of an operator, from its source."""
    assert file.exists(), f"{file} is missing: run make .build/providers/.installed"
    (found,) = [node for node in ast.parse(file.read_text()).body if getattr(node, "name", "") == operator]
    (init,) = [node for node in found.body if getattr(node, "name", "") == "__init__"]
    return {argument.arg for argument in [*init.args.args, *init.args.kwonlyargs]} - {"self"}


def of_pod() -> set[str]:
    return parameters(POD, "KubernetesPodOperator")


def of_job() -> set[str]:
    return parameters(JOB, "KubernetesJobOperator") | of_pod()


def of_gke_job() -> set[str]:
    return parameters(GKE, "GKEStartJobOperator") | of_job()


def of_gke_pod() -> set[str]:
    return parameters(GKE, "GKEStartPodOperator") | of_pod()


def table(heading: str) -> dict[str, tuple[str, str]]:
    """Parameter -> its replacement, and the remark."""
    (section,) = re.findall(rf"^### {heading}$(.*?)(?=^###|\Z)", ported.PAGE.read_text(), re.DOTALL | re.MULTILINE)
    rows = ROW.findall(section)
    assert len(rows) == len(re.findall("^\\|", section, re.MULTILINE)) - 2
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (here, remark) for name, here, remark in rows}


TABLES = ("KubernetesPodOperator", "KubernetesJobOperator", "GKEStartJobOperator, GKEStartPodOperator")
ROWS = [(name, *cells) for heading in TABLES for name, cells in table(heading).items()]
IDS = [row[0] for row in ROWS]


@functools.cache
def definitions() -> dict[str, Any]:
    return yaml.safe_load((TEMPLATES / "values.yaml").read_text())


def values() -> set[str]:
    found = definitions()
    return {*found["shared"], *found["batch-job"]["values"], *found["indexed-job"]["values"]}


def test_the_tables_have_exactly_the_parameters_of_the_pinned_providers():
    pod, job, gke = map(table, TABLES)
    assert pod.keys() == of_pod()
    assert job.keys() == of_job() - of_pod()
    assert gke.keys() == of_gke_job() - of_job()
    assert gke.keys() == of_gke_pod() - of_pod()


@pytest.mark.parametrize(("parameter", "here", "remark"), ROWS, ids=IDS)
def test_the_replacement_of_each_parameter_exists(parameter, here, remark):
    words, names = re.sub("`.*?`", "_", here), re.findall("`(.*?)`", here)
    if words in ("not needed", "not available"):
        assert remark
    elif words == "argument _":
        assert names[0] in inspect.signature(GkeJobOperator.__init__).parameters
    elif words == "_, field _":
        value, field = names
        assert field in fields({"pod": "podspec-v1", "container": "container-v1"}[value])
    else:
        assert re.fullmatch("value _|values _(, _)+", words)
        assert set(names) <= values()


def fields(kind: str) -> set[str]:
    schemas = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    (folder,) = schemas.glob(f"v{KUBERNETES}.*-local-strict")
    return set(json.loads((folder / f"{kind}.json").read_text())["properties"])


@pytest.mark.parametrize(("parameter", "here", "remark"), ROWS, ids=IDS)
def test_the_error_for_a_parameter_among_the_values_names_the_value(parameter, here, remark):
    if not here.startswith(("not ", "argument ")) and parameter not in values():
        hint = definitions()["elsewhere"][parameter]
        assert any(re.search(rf"\b{name}\b", hint) for name in re.findall("`(.*?)`", here))


@pytest.mark.parametrize(
    ("operator", "known"), [("KubernetesPodOperator", of_pod), ("GKEStartJobOperator", of_gke_job)]
)
def test_the_tasks_before_have_only_parameters_of_the_providers(operator, known):
    (block,) = ported.blocks(operator)
    call = ast.parse(block).body[-1].value
    assert call.func.id == operator
    assert {keyword.arg for keyword in call.keywords} <= known() | OF_EVERY_OPERATOR


@pytest.fixture
def tasks(tmp_path) -> dict[str, GkeJobOperator]:
    scope = {"__file__": str(tmp_path / "ported.py")}
    exec(compile(ported.dag_file("ml"), scope["__file__"], "exec"), scope)
    return scope["dag"].task_dict


@pytest.mark.parametrize(
    ("task_id", "result"), [("train", {"rows": ["a", "b"]}), ("score", [0, 1, 4]), ("score_as_it_was", None)]
)
def test_a_ported_task_passes_its_values_to_run_job_and_returns_its_output(tasks, run_job, task_id, result):
    run_job.behaves(output=json.dumps(result))
    task = tasks[task_id]
    assert task.execute({"ti": TaskInstance()}) == result
    (call,) = run_job.calls
    assert call["values"] == task.values
    given = dict(zip(call["arguments"][::2], call["arguments"][1::2], strict=True))
    assert (given["--template"], given["--namespace"]) == (task.template, "ml")


@pytest.mark.parametrize("task_id", ["train", "score"])
def test_a_ported_task_renders_a_manifest_that_is_valid_for_kubernetes(tasks, task_id):
    task = tasks[task_id]
    render(
        template=task.template,
        values=None,
        profile=None,
        name=None,
        namespace=None,
        templates=TEMPLATES,
        environ={"GKE_JOB_VALUES": json.dumps(task.values), "USER": "ada"},
        validate="offline",
    )
