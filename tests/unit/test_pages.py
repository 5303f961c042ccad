"""The code blocks of every page: commands have real options and targets, data is valid, Python has real arguments.

tests/integration/pages.bats and composer-guide.bats run the commands.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
PAGES = TRACKED.stdout.splitlines()
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
LANGUAGES = {"", "bash", "console", "json", "python", "sh", "yaml"}  # without a language: text
OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")
SCRIPT = re.compile(r"scripts/([a-z]+-[a-z-]+)\b([^|;&)>]*)")


def blocks(*languages: str) -> list[tuple[str, str]]:
    """Every block of these languages, with the name of its page."""
    return [
        (page, re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE))
        for page in PAGES
        for found in BLOCK.finditer((REPOSITORY / page).read_text())
        if found["language"] in languages
    ]


def commands(text: str) -> list[str]:
    """The commands of a console block, each in one line and without comments."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [re.sub(r"\s# .*", "", line[2:]) for line in lines if line.startswith("$ ")]


def options_of(script: str) -> set[str]:
    program = ["python3"] if script == "render-job" else ["bash"]
    run = subprocess.run(
        [*program, REPOSITORY / "scripts" / script, "--help"], capture_output=True, text=True, check=True
    )
    return {*OPTION.findall(run.stdout.replace("[", " ").replace("=", " "))}


CONSOLE = [(page, command) for page, text in blocks("console", "sh", "bash") for command in commands(text)]
CALLED = {match[1] for _, command in CONSOLE for match in SCRIPT.finditer(command)}
OPTIONS = {script: options_of(script) for script in sorted(CALLED)}
TARGETS = {*re.findall(r"^([a-z][a-z0-9-]*):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)}


def test_every_block_is_of_a_known_language():
    found = {(page, block["language"]) for page in PAGES for block in BLOCK.finditer((REPOSITORY / page).read_text())}
    assert {(page, language) for page, language in found if language not in LANGUAGES} == set()


@pytest.mark.parametrize(("page", "command"), CONSOLE, ids=range(len(CONSOLE)))
def test_a_command_has_options_and_targets_that_exist(page, command):
    unknown = [
        f"{script} {option}"
        for script, words in SCRIPT.findall(command)
        for option in OPTION.findall(words)
        if option not in OPTIONS[script]
    ]
    plain = re.sub(r"""\w+=("[^"]*"|'[^']*')""", "ARGS=words", command)  # what targets are given, of several words
    made = re.match(r"(?:.*\(|\w+=\S+ )*make((?: (?:--silent|\w+=\S+|[a-z0-9-]+))*)", plain)
    words = made[1].split() if made else []
    unknown += [word for word in words if "=" not in word and not word.startswith("--") and word not in TARGETS]
    assert unknown == [], page


def test_the_files_of_the_table_of_changes_exist():
    rows = re.findall(r"^\| an?(?:other)? new .*", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w.-]+/[\w./-]+)`", row)}
    assert len(named) > 15
    assert {name for name in named if not (REPOSITORY / name).exists()} == set(), "CONTRIBUTING.md names other files"


@pytest.mark.parametrize(("page", "text"), blocks("json"), ids=range(len(blocks("json"))))
def test_a_block_of_json_is_json(page, text):
    assert json.loads(text), page


@pytest.mark.parametrize(("page", "text"), blocks("yaml"), ids=range(len(blocks("yaml"))))
def test_a_block_of_yaml_is_yaml(page, text):
    assert yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", text)), page


def arguments(name: str) -> set[str]:
    """The names of the arguments of a class of the package."""
    for file in (REPOSITORY / "dags/gke_job").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and node.name == name:
                made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
                if made:
                    given = made[0].args
                    return {one.arg for one in [*given.args, *given.kwonlyargs]}
                return {one.target.id for one in node.body if isinstance(one, ast.AnnAssign)}
    return set()


OF_AIRFLOW = {"task_id", "retries", "map_index_template", "on_failure_callback", "execution_timeout", "pool", "outlets"}


@pytest.mark.parametrize(("page", "text"), blocks("python"), ids=range(len(blocks("python"))))
def test_a_call_in_a_block_of_python_has_arguments_that_exist(page, text):
    tree = ast.parse(re.sub(r",\s*\.\.\.\s*\)", ")", text).replace(", ...}", "}"))
    unknown = []
    for call in ast.walk(tree):
        name = getattr(getattr(call, "func", None), "id", "")
        if isinstance(call, ast.Call) and (known := arguments(name)):
            unknown += [key.arg for key in call.keywords if key.arg and key.arg not in known | OF_AIRFLOW]
    assert unknown == [], page
