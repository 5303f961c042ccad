"""dags/COMPOSER.md: commands, messages; composer-guide.bats runs what needs no Google Cloud."""

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


def test_every_command_is_run_or_checked_with_the_parser_of_gcloud():
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


def test_the_names_are_set_that_the_commands_use():
    used = set(re.findall(r"\$(\w+)", "\n".join(ALL)))
    named = set(re.findall(r"(\w+)=", "\n".join(command for command in ALL if command.startswith("export "))))
    assert used - named == {"DAGS", "RELEASE"}
    assert named <= used | {"NAMESPACE"}


def test_the_filter_for_alerts_finds_the_exceptions_that_no_retry_helps():
    (pattern,) = re.findall(r'textPayload=~"(.*)"', GUIDE.read_text())
    report = (REPOSITORY / "dags/gke_job/run_directory.py").read_text()
    codes = json.loads(re.search(r"NO_RETRY_HELPS = \((.*)\)", report)[1].join("[]"))
    assert "no retry helps" in report
    for code in codes:
        assert re.search(pattern, f"Job x failed (exit code {code}; no retry helps)\nJob: x")
    assert not re.search(pattern, "Job x failed (exit code 1)")
