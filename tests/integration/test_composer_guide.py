"""dags/COMPOSER.md: its commands and messages; composer-guide.bats runs the commands that need no Google Cloud."""

from __future__ import annotations

import json
import re

import pytest
from composer_guide import GUIDE, RUNS, blocks, commands, complaint_of_gcloud, to_run

REPOSITORY = GUIDE.parents[1]
ALL = [command for block in blocks("console") for command in commands(block)]
OF_GCLOUD = [
    match[0].rstrip(")") for command in ALL if (match := re.search(r"\bgcloud .*", command.replace("\\\n", " ")))
]


def test_every_command_is_run_or_checked_with_gclouds_parser():
    others = [command for command in ALL if not RUNS.match(command) and not command.startswith(("gcloud ", "export "))]
    assert others == []
    run = "".join(to_run())
    assert [command for command in ALL if RUNS.match(command) and command not in run] == []


@pytest.mark.parametrize("command", OF_GCLOUD, ids=lambda command: " ".join(command.split()[1:5]))
def test_gcloud_has_the_command_and_its_options(command):
    assert complaint_of_gcloud(command) == ""


def test_an_option_that_gcloud_does_not_have_is_found():
    with pytest.raises(AssertionError, match="unrecognized arguments"):
        test_gcloud_has_the_command_and_its_options("gcloud composer environments list --nope")


def test_all_variables_of_the_commands_are_set():
    used = set(re.findall(r"\$(\w+)", "\n".join(ALL)))
    named = set(re.findall(r"(\w+)=", "\n".join(command for command in ALL if command.startswith("export "))))
    assert used - named == {"DAGS", "RELEASE"}
    assert named <= used | {"NAMESPACE"}


def test_the_alert_filter_finds_exceptions_without_a_useful_retry():
    (pattern,) = re.findall(r'textPayload=~"(.*)"', GUIDE.read_text())
    report = (REPOSITORY / "dags/gke_job/run_directory.py").read_text()
    codes = json.loads(re.search(r"NOT_RETRIED = \((.*)\)", report)[1].join("[]"))
    assert "not retried" in report
    for code in codes:
        assert re.search(pattern, f"Job x failed (exit code {code}; not retried)\nJob: x")
    assert not re.search(pattern, "Job x failed (exit code 1)")
