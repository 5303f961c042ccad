"""Copies of a fact agree: exit codes in Bash, Python and documentation; names of labels and annotations."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from exit_code_files import CODES, files

from gke_jobs import errors, exit_codes, labels

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts"
COMMON, PYTHON = "scripts/lib/bash/common.bash", "scripts/lib/gke_jobs/exit_codes.py"
SIGNALS = {*exit_codes.SIGNALS}
EXECUTABLES = [
    path for path in sorted(SCRIPTS.iterdir()) if path.is_file() and path.suffix == "" and path.name[0] != "."
]
# Constants that repeat exit codes where the module of Python is not imported, and the name there of each.
COPIES = [
    ("scripts/lib/command.py", {"CONFIG": "CONFIG", "INTERRUPTED": "INTERRUPTED"}),
    ("dags/gke_job/operator.py", {"NOT_FINISHED": "NOT_FINISHED", "TIMED_OUT": "TIMEOUT"}),
    ("dags/gke_job/sensor.py", {"FAILED": "JOB_FAILED", "NOT_FINISHED": "NOT_FINISHED"}),
]
WITHOUT_JOB = {"USAGE", "DATA", "NO_TEMPLATE", "INTERRUPTED"}  # after these a run has no outcome of its own


def text(file: str) -> str:
    return (REPOSITORY / file).read_text()


def cases(function: str, file: str) -> list[tuple[list[str], str]]:
    """The patterns and the command of each case of a Bash function."""
    body = text(file).split(f"\n{function}() {{")[1].split("\n}\n")[0]
    return [(found[1].split(" | "), found[2]) for found in re.finditer(r"^    ([^ (].*?)\)(.*)", body, re.MULTILINE)]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_generated_file_has_the_codes_of_python(path):
    assert path.read_text() == files()[path], f"run `make golden`, which generates this file from {PYTHON}"


def test_the_documentation_has_each_code():
    documented = {code for codes, _, _ in exit_codes.TABLE for code in codes}
    assert documented == {*CODES.values(), *SIGNALS}, f"TABLE of {PYTHON} has other codes than the constants"


def test_a_run_has_an_outcome_for_each_code():
    missing = {*CODES} - {name for name, code in CODES.items() if code in exit_codes.OUTCOMES}
    assert missing == WITHOUT_JOB, f"add codes of {PYTHON} to its OUTCOMES, or to WITHOUT_JOB of this test"


def test_airflow_retries_a_task_after_the_codes_for_which_a_retry_may_help():
    final = {code for codes, _, helps in exit_codes.TABLE if helps == "no" for code in codes}
    file = "dags/gke_job/run_directory.py"
    (found,) = re.findall(r"^NOT_RETRIED = (\(.*\))$", text(file), re.MULTILINE)
    assert {*ast.literal_eval(found)} == final, f"NOT_RETRIED of {file} and TABLE of {PYTHON} differ"


@pytest.mark.parametrize(("file", "names"), COPIES, ids=[file for file, _ in COPIES])
def test_a_constant_repeats_a_code_of_python(file, names):
    (found,) = re.findall(rf"^{', '.join(names)} = ([\d, ]+)", text(file), re.MULTILINE)
    expected = tuple(CODES[name] for name in names.values())
    assert ast.literal_eval(found) == expected, f"{file} and {PYTHON} differ"


# change::give_up handles a quota.
@pytest.mark.parametrize("verdict", [verdict for verdict in errors.Verdict if verdict is not errors.Verdict.QUOTA])
def test_an_error_has_the_same_code_in_bash_and_python(verdict):
    found = cases("common::exit_for", COMMON)
    command = next(command for patterns, command in found if verdict.value in patterns or patterns == ["*"])
    name = re.findall(r"EXIT_([A-Z_]+)", command)[0]
    assert CODES[name] == errors.exit_code(verdict), f"common::exit_for of {COMMON} and gke_jobs/errors.py differ"


@pytest.mark.parametrize("script", [path for path in EXECUTABLES if path.name != "VERSION"], ids=lambda path: path.name)
def test_the_help_of_a_script_has_no_other(script):
    words = script.read_text().split("Exit codes: ")[1].split("\n\n")[0].split("\n#\n")[0].split("\nsource ")[0]
    found = {int(code) for code in re.findall(r"\b(\d{1,3})\b(?! ?(?:s|seconds|minutes|days)\b)", words)}
    assert {code for code in found if code >= 64 or code in (0, 1)} <= {*CODES.values(), *SIGNALS}


def test_every_label_and_annotation_of_the_toolkit_is_one_of_labels_py():
    known = {value for name, value in vars(labels).items() if name.isupper()}
    files = [path for folder in ("scripts", "dags", "templates") for path in (REPOSITORY / folder).rglob("*")]
    texts = {path: path.read_text() for path in files if path.is_file() and path.suffix not in (".pyc", ".md")}
    used = {
        (str(path.relative_to(REPOSITORY)), key)
        for path, text in texts.items()
        for key in re.findall(r"(?<![\w./-])gke-job/[a-z-]+", text)
    }
    unknown = {(path, key) for path, key in used if key not in known}
    assert unknown == set(), "add the key to scripts/lib/gke_jobs/labels.py, or correct it in this file"
    assert len(used) > 20
