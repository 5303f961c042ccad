"""Every place that lists the supported versions of Airflow lists those that are pinned."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = "tests/requirements/airflow-VERSION.txt"
VERSION = re.compile(r"\b[23]\.\d+\b")
# A file, and a pattern of its list.
LISTS = [
    ("dags/RETRIES.md", r"^\| \| ([\d.,| ]+) \|$"),
    ("tests/requirements/lock", r"apache-airflow==([\d.]+)\.\*'|for version in ([\d. ]+);"),
]


def pinned() -> set[str]:
    found = {file.stem.removeprefix("airflow-") for file in (REPOSITORY / PINS).parent.glob("airflow-*.txt")}
    return {version for version in found if VERSION.fullmatch(version)}


def test_continuous_integration_tests_the_dags_on_every_version():
    [default] = re.findall(r"^AIRFLOW \?= (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    [function] = re.findall(
        r"^other_versions\(\) \{\n.*?^\}$", (REPOSITORY / ".ci/run").read_text(), re.MULTILINE | re.DOTALL
    )
    printed = subprocess.run(
        ["bash", "-c", f"{function}\nother_versions"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    assert {default, *printed.split()} == pinned()


@pytest.mark.parametrize(("file", "pattern"), LISTS, ids=range(len(LISTS)))
def test_a_list_of_versions_has_those_that_are_pinned(file, pattern):
    found = [found.group() for found in re.finditer(pattern, (REPOSITORY / file).read_text(), re.MULTILINE)]
    assert found, f"{file} has no such list"
    assert set(VERSION.findall(" ".join(found))) == pinned(), f"{file} and {PINS} have other versions"
