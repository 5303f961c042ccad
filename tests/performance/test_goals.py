import pytest

from performance.goals import GOALS, Goal, below_floor, figures
from performance.ways import MEASURES, WAYS

FINISH = Goal("finish", "finish", "ours", "p95", 0.3, "s")
RATIO = Goal("ratio", "finish", "ours", "median", 20, "", ("kubernetes-job", "gke-job"), floor=3)


def measured(**values):
    return {"values": {"finish": values}, "requests": {}}


def test_a_figure_is_of_our_way_alone():
    assert FINISH.figure(measured(**{"ours": [0.1, 0.2], "kubernetes-job": [9]})) == pytest.approx(0.195)


def test_a_ratio_is_that_of_the_best_peer_to_ours():
    assert RATIO.figure(measured(**{"ours": [0.5], "kubernetes-job": [6], "gke-job": [4]})) == 8


@pytest.mark.parametrize("values", [{}, {"ours": [1]}, {"kubernetes-job": [1]}, {"ours": [], "gke-job": [1]}])
def test_a_ratio_needs_both(values):
    assert RATIO.figure(measured(**values)) is None


def test_what_costs_nothing_is_infinitely_better():
    assert RATIO.figure(measured(**{"ours": [0], "gke-job": [4]})) == float("inf")


@pytest.mark.parametrize(("goal", "figure", "met"), [(FINISH, 0.3, True), (FINISH, 0.31, False), (RATIO, 19, False)])
def test_a_goal_is_a_most_and_for_a_ratio_a_least(goal, figure, met):
    assert goal.is_met(figure) is met


def test_a_ratio_below_its_floor_fails_however_fast_the_machine_is():
    for scale in (0.01, 1, 100):
        worse = measured(**{"ours": [scale], "kubernetes-job": [2.9 * scale]})
        assert any(line.endswith("2.90, the floor is 3") for line in below_floor(worse))
        better = measured(**{"ours": [scale], "kubernetes-job": [3.1 * scale]})
        assert below_floor(better) == []


def test_absolute_times_and_what_was_not_measured_fail_nothing():
    assert below_floor(measured(ours=[1000])) == []


def test_requests_of_all_verbs_are_a_measure():
    counted = {"values": {}, "requests": {"any": {"ours": [30], "kubernetes-job": [15]}}}
    assert len(below_floor(counted)) == 1


def test_every_goal_names_what_is_measured_and_only_ratios_have_floors():
    for goal in GOALS:
        assert goal.measure in (*MEASURES, "requests")
        assert {goal.way, *goal.peers} <= WAYS.keys()
        assert (goal.floor is None) or (goal.peers and goal.floor <= goal.goal)


def test_all_goals_are_shown_measured_or_not():
    assert [goal for goal, _ in figures(measured())] == list(GOALS)
