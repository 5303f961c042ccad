"""The summary of a run, and what a record is as JSON."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from recorded_runs import NAMES, PRICED, priced, replay
from timeline_objects import drawn_records, many, pod_run, record

from gke_jobs.plain_text import GROUP_MARK
from gke_jobs.timeline import summary as module
from gke_jobs.timeline.cost import cost_of
from gke_jobs.timeline.record import Outcome, Record, pod_from_json, record_from_json
from gke_jobs.timeline.record_builder import OUTCOMES
from gke_jobs.timeline.summary import MARK, summary, summary_line

DELETING = ("timed out", "never started")
SCHEMA = json.loads(Path(module.__file__).with_name("summary.schema.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_of_a_recorded_run_is_as_the_schema_says(name):
    line = summary_line(replay(name))
    assert line.startswith(MARK)
    assert line.isascii()
    Draft202012Validator(SCHEMA).validate(json.loads(line.removeprefix(MARK)))


@pytest.mark.parametrize("name", PRICED)
def test_the_summary_of_a_run_with_a_price_is_as_the_schema_says(name):
    Draft202012Validator(SCHEMA).validate(summary(priced(name)))


def test_the_schema_describes_each_key_and_knows_each_outcome_of_a_pod():
    made = summary(many(3))
    assert [*made] == SCHEMA["required"]
    assert [*summary(priced("preemption"))] == [*made, "cost"] == [*SCHEMA["properties"]]
    assert [one.name.lower() for one in Outcome] == SCHEMA["properties"]["pods_by_outcome"]["propertyNames"]["enum"]


def test_of_a_long_cause_the_end_is_kept():
    image = f"europe-docker.pkg.dev/ml/images/{'train/' * 50}model:1"
    made = summary(record(status=78, cause=f"image {image}: not found", reason="x" * 400))
    assert made["cause"].startswith("image europe-docker.pkg.dev/ml/images/train/")
    assert made["cause"].endswith("train/model:1: not found")
    assert {len(made["cause"]), len(made["reason"])} == {SCHEMA["properties"]["cause"]["maxLength"]}


def test_the_schema_knows_each_reason_of_waste():
    known = SCHEMA["properties"]["cost"]["properties"]["wasted_by_outcome"]["propertyNames"]["enum"]
    ends = [pod_run(number, outcome=outcome) for number, outcome in enumerate(Outcome)]
    found = set()
    for outcome in OUTCOMES.values():
        cost = cost_of(
            record(*ends, outcome=outcome, deleted=outcome in DELETING, price=PRICED["preemption"].to_text())
        )
        found |= cost.to_json()["wasted_by_outcome"].keys()
    assert found | {"interrupted"} == {*known}


@given(drawn_records())
def test_whatever_the_record_the_summary_is_one_line_of_json(made):
    line = summary_line(made)
    assert line.isprintable()
    assert not GROUP_MARK.search(line)
    assert json.loads(line.removeprefix(MARK))["pods"] == len(made.pods) + sum(made.left_out.values())


def test_the_numbers_of_a_run():
    made = summary(many(100, tries=2))
    assert (made["pods"], made["retries"], made["attempts"], made["preemptions"]) == (200, 100, 2, 100)
    assert (made["spot_pods"], made["nodes"], made["exit_codes"]) == (100, 7, {"143": 100, "0": 100})
    assert made["seconds"] == sum(made["phases"].values()) == 320


@pytest.mark.parametrize(
    "made", [many(3, tries=2), record(gang=4, deleted=True), *map(replay, NAMES), priced("preemption"), Record(job="x")]
)
def test_a_record_is_the_same_after_json(made):
    assert record_from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize("item", [None, [], {}, [1] * 16, ["x"] * 16, "x"])
def test_what_is_no_pod_in_a_check_state_is_left_out(item):
    assert pod_from_json(item) is None
