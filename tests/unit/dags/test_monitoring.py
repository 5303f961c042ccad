"""The files of dags/monitoring match the summary that a run prints, and each other."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from composer_guide import complaint_of_gcloud
from recorded_runs import priced, replay

from gke_jobs.timeline.summary import summary, summary_line

MONITORING = Path(__file__).parents[3] / "dags" / "monitoring"
METRICS = sorted(MONITORING.glob("*.yaml"))
SHOWN = sorted(MONITORING.glob("*.json"))
GUIDE = MONITORING.parent / "MONITORING.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^ *(gcloud .*)", "".join(BLOCKS).replace("\\\n", " "), re.MULTILINE)
PREFIX = "[2026-11-26, 19:15:55 UTC] {runner.py:109} INFO - "


def extract(expression: str, line: str) -> str:
    found = re.fullmatch(r'REGEXP_EXTRACT\(textPayload, "(.*)"\)', expression)
    return re.search(found[1].replace('\\"', '"'), line)[1]


@pytest.mark.parametrize("file", METRICS, ids=lambda file: file.stem)
def test_a_metric_finds_its_labels_and_its_value_in_a_summary(file):
    metric, run = yaml.safe_load(file.read_text()), priced("preemption")
    line, made = PREFIX + summary_line(run), summary(run)
    for label, expression in metric["labelExtractors"].items():
        assert extract(expression, line) == made[label]
    assert [one["key"] for one in metric["metricDescriptor"]["labels"]] == [*metric["labelExtractors"]]
    values = {
        "gke_job_seconds": made["seconds"],
        "gke_job_waiting_seconds": made["phases"]["waiting"],
        "gke_job_cost": made["cost"]["total"],
    }
    assert ("valueExtractor" in metric) == (file.stem in values)
    if "valueExtractor" in metric:
        assert float(extract(metric["valueExtractor"], line)) == values[file.stem]


@pytest.mark.parametrize(
    ("name", "run", "is_counted"),
    [
        ("gke_job_preempted_runs", "preemption", True),
        ("gke_job_preempted_runs", "success", False),
        ("gke_job_oom_runs", "out_of_memory", True),
        ("gke_job_oom_runs", "success", False),
        ("gke_job_runs", "success", True),
        ("gke_job_cost", "success", False),
    ],
)
def test_the_filter_of_a_metric_counts_the_intended_runs(name, run, is_counted):
    condition = yaml.safe_load((MONITORING / f"{name}.yaml").read_text())["filter"]
    wanted = [words.replace('\\"', '"') for words in re.findall(r'textPayload=~"((?:\\.|[^"\\])*)"', condition)]
    line = PREFIX + summary_line(replay(run))
    assert 'textPayload:"gke-job-summary: "' in condition
    assert all(re.search(pattern, line) for pattern in wanted) == is_counted
    (unwanted,) = re.findall(r'textPayload!~"([^"]*)"', condition)
    assert not re.search(unwanted, line)
    assert re.search(unwanted, f"{PREFIX}abcde | {summary_line(replay(run))}"), "a container can print such a line"


@pytest.mark.parametrize("file", SHOWN, ids=lambda file: file.stem)
def test_alerts_and_dashboard_use_only_existing_metrics_and_labels(file):
    text = file.read_text()
    json.loads(text)
    used = {*re.findall(r"logging\.googleapis\.com/user/(\w+)", text)}
    assert used <= {file.stem for file in METRICS}
    labels = {*yaml.safe_load(METRICS[0].read_text())["labelExtractors"]} if used else {"state"}  # of Composer's own
    assert {*re.findall(r"metric\.labels?\.(\w+)", text)} <= labels


def test_both_parts_of_a_ratio_have_the_same_aggregation():
    (condition,) = json.loads((MONITORING / "alert_preempted.json").read_text())["conditions"]
    threshold = condition["conditionThreshold"]
    assert threshold["aggregations"] == threshold["denominatorAggregations"]
    pair = threshold["filter"], threshold["denominatorFilter"]
    assert [re.sub(r".*/user/(\w+)\"", r"\1", one) for one in pair] == ["gke_job_preempted_runs", "gke_job_runs"]
    assert len({one.partition(" AND ")[0] for one in pair}) == 1, "of the same resource"


def test_the_guide_names_each_file():
    text = GUIDE.read_text()
    assert [file.name for file in SHOWN if f"(monitoring/{file.name})" not in text] == []
    assert [file.stem for file in METRICS if f"`{file.stem}`" not in text] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.split()[1:5]))
def test_gcloud_has_the_commands_of_the_guide(command):
    assert complaint_of_gcloud(re.sub(r"\$\([^)]*\)", "a-name", command)) == ""


def test_the_blocks_of_the_guide_are_bash():
    for block in BLOCKS:
        subprocess.run(["bash", "-n", "-c", block], check=True)
