"""What a run cost: amounts, what of it was wasted, and what is not known."""

from decimal import Decimal

import pytest
from hypothesis import given
from timeline_objects import drawn_records, many, pod_run, prices, record

from gke_jobs.price import Price, price_from_text
from gke_jobs.timeline.cost import KEPT, Cost, cost_of
from gke_jobs.timeline.cost_text import cost_rows
from gke_jobs.timeline.record import Identity, Outcome

BOTH = Price("EUR", on_demand="3.6", spot="0.9")  # 0.001 and 0.00025 a second
ON_DEMAND, SPOT, NONE = Price("EUR", on_demand="3.6"), Price("EUR", spot="0.9"), Price("EUR")


def ran(number=0, seconds=100, **given):
    """A Pod that ran for so long."""
    return pod_run(number, ended=None if seconds is None else 40 + seconds, **given)


def priced(price, *pods, **given):
    return record(*pods, price=price.to_text(), identity=Identity(profile="gpu-l4"), **given)


@pytest.mark.parametrize(
    ("price", "pods", "rows"),
    [
        (BOTH, [], {"cost": "0.0000 EUR: no running time"}),
        (BOTH, [ran()], {"cost": "0.1000 EUR on demand"}),
        (BOTH, [ran(spot=True)], {"cost": "0.0250 EUR on spot nodes"}),
        (BOTH, [ran(0, 0.1), ran(1, 0.2)], {"cost": "0.0003 EUR on demand"}),  # no 0.30000000000000004
        (BOTH, [ran(0), ran(1, spot=True)], {"cost": "0.1250 EUR: 0.0250 on spot nodes, 0.1000 on demand"}),
        (
            BOTH,
            [
                ran(0),
                ran(1, 10, outcome=Outcome.PREEMPTED),
                ran(2, 20, outcome=Outcome.OUT_OF_MEMORY),
                ran(3, 30, outcome=Outcome.FAILED),
                ran(4, 40, outcome=Outcome.EVICTED),
                ran(5, 50, outcome=Outcome.REMOVED),
            ],
            {
                "cost": "0.2500 EUR on demand",
                "wasted": "0.1500 EUR: failed 0.0300, out of memory 0.0200, preempted 0.0100, evicted 0.0400, "
                "removed 0.0500",
            },
        ),
        (BOTH, [ran(seconds=None, outcome=Outcome.RUNNING)], {"cost": "0.0800 EUR on demand"}),  # until the run ended
        (BOTH, [pod_run(started=None, ended=None, outcome=Outcome.STUCK)], {"cost": "0.0000 EUR: no running time"}),
        (
            BOTH,
            [pod_run(started=None, scheduled=None, node="", outcome=Outcome.REMOVED)],
            {"cost": "0.0000 EUR: no running time"},
        ),
        (
            BOTH,
            [ran(0), ran(1, seconds=None), pod_run(2, started=None, outcome=Outcome.PREEMPTED), ran(3, created=None)],
            {"cost": "at least 0.1000 EUR on demand", "cost not known": "3 Pods without times"},
        ),
        (
            ON_DEMAND,
            [ran(0), ran(1, spot=True), ran(2, spot=True)],
            {
                "cost": "at least 0.1000 EUR on demand",
                "cost not known": "profile gpu-l4 has no spot price (2 Pods)",
            },
        ),
        (
            SPOT,
            [ran()],
            {"cost": "not known: profile gpu-l4 has no on-demand price (1 Pod)"},
        ),
        (
            NONE,
            [ran(0), pod_run(1, started=None)],
            {"cost": "not known: profile gpu-l4 has no on-demand price (1 Pod); 1 Pod without times"},
        ),
        (NONE, [ran(seconds=0)], {"cost": "0.0000 EUR: no running time"}),
    ],
)
def test_what_a_run_cost(price, pods, rows):
    assert dict(cost_rows(priced(price, *pods))) == rows


def test_the_cost_in_the_summary():
    pods = [ran(0), ran(1, 10, spot=True, outcome=Outcome.PREEMPTED), ran(2, None)]
    assert cost_of(priced(BOTH, *pods)).to_json() == {
        "currency": "EUR",
        "total": 0.1025,
        "spot": 0.0025,
        "on_demand": 0.1,
        "wasted": 0.0025,
        "wasted_by_outcome": {"preempted": 0.0025},
        "pods_without_price": 0,
        "pods_without_times": 1,
    }


@pytest.mark.parametrize(
    ("outcome", "deleted", "wasted"),
    [
        *[("timed out", True, {"timed_out": 0.02}), ("interrupted", True, {"interrupted": 0.02})],
        *[("never started", True, {"never_started": 0.02}), ("failed", False, {"failed": 0.02})],
        *[("timed out", False, {}), ("cluster unreachable", False, {}), ("succeeded", False, {})],  # the Job goes on
    ],
)
def test_pods_that_run_when_the_job_is_ended_are_waste_and_those_that_succeeded_are_not(outcome, deleted, wasted):
    runs, waits = ran(0, None, outcome=Outcome.RUNNING), pod_run(1, started=None, ended=None, outcome=Outcome.STARTING)
    made = priced(BOTH, runs, waits, ran(2, 10, spot=True), seconds=60, outcome=outcome, deleted=deleted)
    assert cost_of(made).to_json()["wasted_by_outcome"] == wasted
    rows = dict(cost_rows(made))
    assert rows["cost"] == "0.0225 EUR: 0.0025 on spot nodes, 0.0200 on demand"
    words = ", ".join(f"{reason.replace('_', ' ')} 0.0200" for reason in wasted)
    assert rows.get("wasted") == (f"0.0200 EUR: {words}" if wasted else None)


def test_pods_that_are_only_counted_have_no_times():
    made = cost_of(priced(BOTH, ran(), left_out={Outcome.SUCCEEDED: 7}))
    assert (made.without_times, made.total) == (7, Decimal("0.1000"))


def test_pods_are_added_before_they_are_rounded():
    cheap = Price("EUR", on_demand="0.01", spot="0.01")
    assert cost_of(priced(cheap, *(ran(number, 3) for number in range(1000)))).total == Decimal("0.0083")


@pytest.mark.parametrize(
    "text",
    [
        *["", "{}", "[]", "null", "EUR", "[" * 100_000, '{"currency": ""}', '{"currency": "E U R"}', '{"currency": 7}'],
        *[
            f'{{"currency": "EUR", "spot": "{amount}"}}'
            for amount in ("-1", "1e9", "NaN", "1.", ".5", "1234567", "\u0663")
        ],
    ],
)
def test_what_is_no_price_is_none(text):
    assert price_from_text(text) is None
    assert cost_rows(record(ran(), price=text)) == []


@given(prices)
def test_a_price_is_the_same_as_text(text):
    assert price_from_text(text).to_text() == text


@given(drawn_records())
def test_whatever_the_record_the_parts_are_the_total_and_at_most_all_is_wasted(made):
    cost = cost_of(made)
    assert (cost is None) == (price_from_text(made.price) is None)
    for found in [] if cost is None else [cost]:
        assert_adds_up(found)
        counted = sum(found.without_price.values()) + found.without_times
        assert counted <= len(made.pods) + sum(made.left_out.values())


def assert_adds_up(cost: Cost):
    succeeded = sum(amount for (_, reason), amount in cost.parts.items() if reason == KEPT)
    assert cost.of("spot") + cost.of("on_demand") == cost.total == cost.wasted + succeeded
    assert sum(cost.wasted_by_reason().values()) == cost.wasted <= cost.total
    assert min(cost.parts.values(), default=0) >= 0


def test_each_of_many_pods_counts():
    made = cost_of(record(*many(50, tries=2).pods, price=BOTH.to_text()))
    assert_adds_up(made)
    assert made.wasted * 2 == made.total
