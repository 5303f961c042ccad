"""An option that several files name is the same in all of them: Bash lists, the follower, the operator, GkeCluster."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from gke_job.cluster import ENDPOINTS, GkeCluster
from gke_jobs.following import follower

REPOSITORY = Path(__file__).resolve().parents[2]
FOLLOW, ACCESS, MANIFEST = (f"scripts/lib/bash/{name}.bash" for name in ("follow", "access", "manifest"))
EXECUTABLES = [path.name for path in sorted((REPOSITORY / "scripts").iterdir()) if "-" in path.name]
CLUSTER, OPERATOR, DEFERRAL = "dags/gke_job/cluster.py", "dags/gke_job/operator.py", "dags/gke_job/deferral.py"
FOR_A_SHELL = {"set", "name", "kubernetes-version", "dry-run"}  # options of run-job that the operator does not need


def bash_list(file: str, name: str) -> set[str]:
    """The words of a list of a Bash file."""
    found = re.search(rf'\b{name}="([^"]*)"', text(file))
    assert found, f"{file} does not set {name}"
    return {*found[1].split()}


def text(file: str) -> str:
    return (REPOSITORY / file).read_text()


def run(script: str, option: str) -> subprocess.CompletedProcess[str]:
    """Runs a script with one option."""
    program = sys.executable if script == "render-job" else "bash"
    return subprocess.run([program, REPOSITORY / "scripts" / script, option], capture_output=True, text=True)


@cache
def options_of(script: str) -> set[str]:
    """The names of the options that a script accepts, from its error for another one."""
    said = run(script, "--no-such-option").stderr
    return {*re.findall(r"--([a-z-]+)", said.split("the options are")[1].split(";")[0])}


def operator_class() -> ast.ClassDef:
    (found,) = [one for one in ast.parse(text(OPERATOR)).body if isinstance(one, ast.ClassDef)]
    return found


def operator_options() -> set[str]:
    """The options of run-job that are arguments of the operator."""
    assigned = [node for node in ast.walk(operator_class()) if isinstance(node, ast.AnnAssign)]
    (options,) = [node.value for node in assigned if ast.unparse(node.target) == "self.options"]
    return {ast.literal_eval(key).replace("_", "-") for key in options.keys}


def constant(name: str) -> set[str]:
    """The options of a constant of the operator."""
    (found,) = re.findall(rf"^{name} = (\(.*?\))", text(OPERATOR), re.MULTILINE)
    return {option.replace("_", "-") for option in ast.literal_eval(found)}


def test_the_follower_takes_the_options_that_follow_job_passes_on():
    parser = argparse.ArgumentParser()
    follower._add_options(parser)
    known = {word.removeprefix("--") for action in parser._actions for word in action.option_strings}
    lists = ("FOLLOW_OPTIONS", "EARLIER_OPTIONS")
    unknown = {option for name in lists for option in bash_list(FOLLOW, name)} - known
    assert unknown == set(), f"{FOLLOW} names options that scripts/lib/gke_jobs/following/follower.py does not take"


@pytest.mark.parametrize("script", EXECUTABLES)
def test_the_help_of_a_script_has_each_option(script):
    said = run(script, "--help").stdout
    missing = {name for name in options_of(script) if not re.search(rf"(?:^|[\s\[])--{name}[\] \n]", said)}
    assert missing == set(), (
        f"describe options in the header comment of scripts/{script}, or in the help of its library"
    )


def test_render_job_accepts_the_options_that_submit_job_passes_on():
    unknown = bash_list(MANIFEST, "RENDER_OPTIONS") - options_of("render-job")
    assert unknown == set(), f"RENDER_OPTIONS of {MANIFEST} has options that scripts/render-job does not accept"


def test_a_cluster_has_a_field_for_each_way_to_reach_it():
    fields = {field.name.replace("_", "-") for field in dataclasses.fields(GkeCluster)}
    options = bash_list(ACCESS, "ACCESS_OPTIONS") | bash_list(ACCESS, "ACCESS_FLAGS")
    copies = f"{ACCESS} and GkeCluster in {CLUSTER} have other options"
    assert options - {"cluster"} == fields - {"name", "context"}, copies


def test_a_cluster_has_the_endpoints_of_the_scripts():
    copies = f"ENDPOINTS of {CLUSTER} is not ACCESS_FLAGS of {ACCESS}"
    assert {*ENDPOINTS.values()} == bash_list(ACCESS, "ACCESS_FLAGS"), copies


def test_run_job_accepts_the_options_of_the_operator():
    unknown = operator_options() - options_of("run-job")
    assert unknown == set(), f"self.options of {OPERATOR} has options that scripts/run-job does not accept"


def test_the_operator_has_an_argument_for_each_option_of_run_job():
    source = text(OPERATOR) + text(DEFERRAL) + text(CLUSTER)
    named = {*re.findall(r'"(?:--)?([a-z_-]+)"', source.replace("_", "-")), *ENDPOINTS.values()}
    missing = options_of("run-job") - FOR_A_SHELL - named
    assert missing == set(), (
        f"add options of scripts/run-job to self.options of {OPERATOR}, or to FOR_A_SHELL of this test"
    )


def test_a_task_that_only_submits_passes_on_each_option_that_submit_job_accepts():
    expected = operator_options() & options_of("submit-job")
    assert constant("SUBMIT_OPTIONS") == expected, f"SUBMIT_OPTIONS of {OPERATOR} and scripts/submit-job differ"


def test_a_resumed_task_passes_on_no_option_that_run_job_refuses_for_a_submitted_job():
    (more,) = re.findall(r"for name in \$MANIFEST_OPTIONS (.*); do", text("scripts/run-job"))
    names = ("RENDER_OPTIONS", "MANIFEST_OPTIONS")
    lists = [bash_list(MANIFEST, name) - {"$RENDER_OPTIONS"} for name in names]
    refused = set().union(*lists, more.split())
    copies = f"add options that check_job_options of scripts/run-job refuses to NOT_RESUMED of {OPERATOR}"
    assert operator_options() & refused <= constant("NOT_RESUMED"), copies


def test_the_operator_documents_each_argument():
    (init,) = [one for one in operator_class().body if getattr(one, "name", "") == "__init__"]
    arguments = [argument.arg for argument in init.args.kwonlyargs]
    documented = re.findall(r":param (\w+):", ast.get_docstring(operator_class()))
    assert sorted(documented) == sorted([*arguments, "kwargs"]), f"arguments and docstring of {OPERATOR} differ"
