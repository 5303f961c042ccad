"""Copies of a fact agree: exit codes in Bash, Python and documentation; names of labels and annotations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gke_jobs import exit_codes, labels

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts"
CODES = {name: code for name, code in vars(exit_codes).items() if name.isupper()}
SIGNALS = {129, 130, 143}  # HUP, INT, TERM
EXECUTABLES = [
    path for path in sorted(SCRIPTS.iterdir()) if path.is_file() and path.suffix == "" and path.name[0] != "."
]


def test_bash_has_those_of_python():
    found = re.findall(r"\bEXIT_([A-Z_]+)=(\d+)", (SCRIPTS / "lib/bash/common.bash").read_text())
    assert {name: int(code) for name, code in found} == {
        name: code for name, code in CODES.items() if name != "SUCCEEDED"
    }


def test_the_table_has_each():
    table = (SCRIPTS / "README.md").read_text().split("\n## Exit codes\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(", ")} == {*CODES.values(), *SIGNALS}


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
    assert {(path, key) for path, key in used if key not in known} == set()
    assert len(used) > 20
