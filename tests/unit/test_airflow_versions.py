"""Every place that lists the supported versions of Airflow lists those that are pinned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = "tests/requirements/airflow-VERSION.txt"
VERSION = re.compile(r"\b[23]\.\d+\b")
DEFAULT = re.findall(r"^AIRFLOW \?= (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
# The list in a file; where it names only the others, the default of the Makefile is added.
LISTS = [
    ("README.md", r"^Airflow (.*) are supported", []),
    ("README.ja.md", r"Composer が提供する Airflow (.*?) に対応", []),
    ("dags/README.md", r"It runs on Airflow ([^a-z]*(?:and [\d.]+)?), the versions", []),
    ("dags/README.md", r"^\| \| ([\d.,| ]+) \|$", []),
    ("Makefile", r"AIRFLOW=(.*) selects", DEFAULT),
    (".ci/run", r"target test-dags AIRFLOW=(.*)", DEFAULT),
    ("tests/requirements/lock", r"apache-airflow==([\d.]+)\.\*'|for version in ([\d. ]+);", []),
]


def pinned() -> set[str]:
    found = {file.stem.removeprefix("airflow-") for file in (REPOSITORY / PINS).parent.glob("airflow-*.txt")}
    return {version for version in found if VERSION.fullmatch(version)}


@pytest.mark.parametrize(("file", "pattern", "others"), LISTS, ids=range(len(LISTS)))
def test_a_list_of_versions_has_those_that_are_pinned(file, pattern, others):
    found = [found.group() for found in re.finditer(pattern, (REPOSITORY / file).read_text(), re.MULTILINE)]
    assert found, f"{file} has no such list"
    assert {*VERSION.findall(" ".join(found)), *others} == pinned(), f"{file} and {PINS} have other versions"
