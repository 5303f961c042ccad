"""What is drawn, and what must come of it."""

from __future__ import annotations

import math
import random

import pytest

from faults import rules
from stress.drawing import ENDING, FORMS, HEALING, OF_FOLLOWING, PATIENCE, Draw, Fault, draw
from stress.outcomes import OUTCOMES, Outcome

DRAWS = [draw(seed, number) for seed in range(10) for number in range(300)]
DICE = random.Random(0)
HEALS = {fault.name: fault for fault in (make(DICE) for make in HEALING + OF_FOLLOWING)}
ENDS = {form: {fault.name: fault for fault in (make(DICE) for make in ENDING[form])} for form in ENDING}
SUCCESS = Outcome(name="succeeds", spec={}, result="7")
FAILURE = Outcome(name="fails", spec={}, code=1)


def drawn(outcome: Outcome, *faults: Fault, form: str = "run-job") -> Draw:
    return Draw(number=1, outcome=outcome, form=form, on_kill="delete", faults=faults)


def ending(name: str, form: str = "run-job") -> Fault:
    return ENDS[form][name]


def test_a_seed_draws_the_same_each_time_and_another_one_something_else():
    assert [draw(1, number) for number in range(50)] == [draw(1, number) for number in range(50)]
    assert [draw(1, number) for number in range(50)] != [draw(2, number) for number in range(50)]


def test_everything_there_is_gets_drawn():
    assert {draw.form for draw in DRAWS} == set(FORMS)
    assert {draw.outcome.name for draw in DRAWS} == {make(DICE, 0).name for make in OUTCOMES}
    assert {fault.name for draw in DRAWS for fault in draw.faults if not fault.ends} == HEALS.keys()
    for form, ends in ENDS.items():
        assert {fault.name for draw in DRAWS if draw.form == form for fault in draw.faults if fault.ends} == ends.keys()


def test_every_draw_can_be_judged():
    for each in DRAWS:
        ends = [fault for fault in each.faults if fault.ends]
        assert len(ends) <= 1, each
        assert len(each.faults) == 1 or not any(fault.surely for fault in ends), each
        assert each.form != "in-a-race" or (not ends and each.outcome.code == 0), each
        assert each.form != "in-stages" or each.outcome.is_polled, each


def test_the_proxy_takes_every_rule():
    for rule in {rule for each in DRAWS for fault in each.faults for rule in fault.rules}:
        rules.Fault.parse(rule)


@pytest.mark.parametrize("name", HEALS)
@pytest.mark.parametrize("outcome", [SUCCESS, FAILURE], ids=["success", "failure"])
def test_what_heals_changes_no_exit_code(name, outcome):
    assert drawn(outcome, HEALS[name]).codes == {outcome.code}
    assert drawn(outcome, HEALS[name]).jobs == {1}


def test_what_heals_is_shorter_than_the_patience_of_the_scripts():
    for faults in [each.faults for each in DRAWS]:
        assert sum(fault.lasting for fault in faults if math.isfinite(fault.lasting)) < PATIENCE / 2


@pytest.mark.parametrize(
    ("name", "codes", "jobs"),
    [
        ("SIGTERM", {0, 143, -15}, {0, 1}),
        ("SIGINT", {0, 130, -2}, {0, 1}),
        ("SIGHUP", {0, 129, -1}, {0, 1}),
        ("SIGKILL", {0, -9}, {0, 1}),
        ("Job deleted", {0, 1}, {1, 2}),
        ("cluster away", {0, 69}, {1}),
        ("cluster away from the start", {69}, {0}),
        ("creation denied", {77}, {0}),
        ("token expired", {77}, {0}),
        ("watches denied", {0, 77}, {1}),
        ("watches denied for long", {0, 77}, {1}),
        ("result denied", {0, 77}, {1}),
    ],
)
def test_what_ends_a_try_of_run_job(name, codes, jobs):
    draw = drawn(SUCCESS, HEALS["latency"], ending(name))
    assert (draw.codes, draw.jobs) == (codes, jobs)


def test_a_timeout_may_come_before_a_refusal_that_is_waited_out():
    late = Outcome(name="takes too long", spec={}, code=124)
    assert drawn(late, ending("token expired")).codes == {77, 124}
    assert drawn(late, ending("cluster away from the start")).codes == {69, 124}
    assert drawn(late, ending("creation denied")).codes == {77}


def test_every_fault_that_ends_a_try_is_in_the_table_above():
    table = next(mark for mark in test_what_ends_a_try_of_run_job.pytestmark if mark.name == "parametrize")
    assert {row[0] for row in table.args[1]} == ENDS["run-job"].keys()


def test_a_job_that_is_deleted_may_be_missed_between_the_stages():
    assert drawn(SUCCESS, ending("Job deleted", "in-stages"), form="in-stages").codes == {0, 1, 78}
    assert drawn(SUCCESS, ending("looks denied", "in-stages"), form="in-stages").codes == {0, 77}


def test_a_result_may_be_missing_only_where_its_pod_or_job_was_removed():
    assert not drawn(SUCCESS, HEALS["silence"]).may_lose_result
    assert drawn(SUCCESS, HEALS["Pod evicted"]).may_lose_result
    assert drawn(SUCCESS, ending("Job deleted")).may_lose_result


def test_only_an_end_of_patience_shortens_it():
    assert drawn(SUCCESS, HEALS["connections refused"]).patience == 60
    assert drawn(SUCCESS, HEALS["connections refused"], ending("cluster away")).patience == 5


def test_what_may_be_missing_is_excused_by_the_fault_that_hides_it():
    assert HEALS["logs refused"].may_lose_log
    assert HEALS["Pod deleted"].may_lose_log
    assert not HEALS["logs cut"].may_lose_log
    assert not HEALS["watches ended"].may_lose_log
    assert HEALS["mark denied"].may_lose_mark
    assert ending("result denied").may_lose_mark
    assert not HEALS["deletions refused"].may_lose_mark
    assert HEALS["deletions refused"].may_leave_job
    assert not HEALS["logs refused"].may_leave_job
