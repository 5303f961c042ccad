"""The draws, and their expected outcomes."""

from __future__ import annotations

import math
import random

import pytest

from faults import rules
from stress.drawing import ENDING, FOLLOWING, FORMS, HEALING, UNREACHABLE_TIMEOUT, Draw, Fault, draw
from stress.outcomes import OUTCOMES, Outcome

DRAWS = [draw(seed, number) for seed in range(10) for number in range(300)]
RNG = random.Random(0)
HEALS = {fault.name: fault for fault in (make(RNG) for make in HEALING + FOLLOWING)}
ENDS = {form: {fault.name: fault for fault in (make(RNG) for make in ENDING[form])} for form in ENDING}
SUCCESS = Outcome(name="succeeds", spec={}, result="7")
FAILURE = Outcome(name="fails", spec={}, code=1)


def drawn(outcome: Outcome, *faults: Fault, form: str = "run-job") -> Draw:
    return Draw(number=1, outcome=outcome, form=form, on_kill="delete", faults=faults)


def ending(name: str, form: str = "run-job") -> Fault:
    return ENDS[form][name]


def test_the_same_seed_gives_the_same_draws_and_another_seed_gives_others():
    assert [draw(1, number) for number in range(50)] == [draw(1, number) for number in range(50)]
    assert [draw(1, number) for number in range(50)] != [draw(2, number) for number in range(50)]


def test_every_form_outcome_and_fault_is_drawn():
    assert {draw.form for draw in DRAWS} == set(FORMS)
    assert {draw.outcome.name for draw in DRAWS} == {make(RNG, 0).name for make in OUTCOMES}
    assert {fault.name for draw in DRAWS for fault in draw.faults if not fault.exit_codes} == HEALS.keys()
    for form, ends in ENDS.items():
        assert {
            fault.name for draw in DRAWS if draw.form == form for fault in draw.faults if fault.exit_codes
        } == ends.keys()


def test_a_draw_has_at_most_one_fault_that_ends_a_try_and_a_form_that_fits():
    for each in DRAWS:
        ends = [fault for fault in each.faults if fault.exit_codes]
        assert len(ends) <= 1, each
        assert len(each.faults) == 1 or not any(fault.always_ends for fault in ends), each
        assert each.form != "in-a-race" or (not ends and each.outcome.code == 0), each
        assert each.form != "in-stages" or each.outcome.is_polled, each


def test_the_proxy_accepts_every_rule():
    for rule in {rule for each in DRAWS for fault in each.faults for rule in fault.rules}:
        rules.Fault.parse(rule)


@pytest.mark.parametrize("name", HEALS)
@pytest.mark.parametrize("outcome", [SUCCESS, FAILURE], ids=["success", "failure"])
def test_a_fault_that_heals_does_not_change_the_exit_code(name, outcome):
    assert drawn(outcome, HEALS[name]).codes == {outcome.code}
    assert drawn(outcome, HEALS[name]).jobs == {1}


def test_faults_that_heal_are_shorter_than_the_unreachable_timeout():
    for faults in [each.faults for each in DRAWS]:
        assert sum(fault.duration for fault in faults if math.isfinite(fault.duration)) < UNREACHABLE_TIMEOUT / 2


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
def test_codes_and_jobs_of_a_fault_that_ends_run_job(name, codes, jobs):
    draw = drawn(SUCCESS, HEALS["latency"], ending(name))
    assert (draw.codes, draw.jobs) == (codes, jobs)


def test_a_timeout_may_precede_a_fault_that_run_job_waits_for():
    late = Outcome(name="takes too long", spec={}, code=124)
    assert drawn(late, ending("token expired")).codes == {77, 124}
    assert drawn(late, ending("cluster away from the start")).codes == {69, 124}
    assert drawn(late, ending("creation denied")).codes == {77}


def test_every_fault_that_ends_a_try_is_in_the_table_above():
    table = next(
        mark for mark in test_codes_and_jobs_of_a_fault_that_ends_run_job.pytestmark if mark.name == "parametrize"
    )
    assert {row[0] for row in table.args[1]} == ENDS["run-job"].keys()


def test_a_job_deleted_between_the_stages_may_end_with_78():
    assert drawn(SUCCESS, ending("Job deleted", "in-stages"), form="in-stages").codes == {0, 1, 78}
    assert drawn(SUCCESS, ending("polls denied", "in-stages"), form="in-stages").codes == {0, 77}


def test_a_result_may_be_missing_only_where_its_pod_or_job_was_removed():
    assert not drawn(SUCCESS, HEALS["silence"]).may_lose_result
    assert drawn(SUCCESS, HEALS["Pod evicted"]).may_lose_result
    assert drawn(SUCCESS, ending("Job deleted")).may_lose_result


def test_only_a_fault_that_exceeds_the_unreachable_timeout_shortens_it():
    assert drawn(SUCCESS, HEALS["connections refused"]).unreachable_timeout == 60
    assert drawn(SUCCESS, HEALS["connections refused"], ending("cluster away")).unreachable_timeout == 5


def test_which_faults_may_lose_a_log_a_mark_or_a_deletion():
    assert HEALS["logs refused"].may_lose_log
    assert HEALS["Pod deleted"].may_lose_log
    assert not HEALS["logs cut"].may_lose_log
    assert not HEALS["watches ended"].may_lose_log
    assert HEALS["mark denied"].may_lose_mark
    assert ending("result denied").may_lose_mark
    assert not HEALS["deletions refused"].may_lose_mark
    assert HEALS["deletions refused"].may_leave_job
    assert not HEALS["logs refused"].may_leave_job
