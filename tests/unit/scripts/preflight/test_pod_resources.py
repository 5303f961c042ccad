"""What a Pod requests in all. tests/conformance/check-setup.bats compares the defaults with those of an API server."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gke_jobs.preflight.pod_resources import limits, requests, with_defaults


def container(limits=None, requests=None, **fields):
    return {"resources": {"limits": limits or {}, "requests": requests or {}}, **fields}


def cpu(number, **fields):
    return container(requests={"cpu": number}, **fields)


def limit_range(**fields):
    return {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "9"}}, {"type": "Container", **fields}]}}


@pytest.mark.parametrize(
    ("given", "ranges", "found"),
    [
        (container(), [], ({}, {})),
        (container({"cpu": "2"}), [], ({"cpu": "2"}, {"cpu": "2"})),
        (container({"cpu": "2"}, {"cpu": "1"}), [], ({"cpu": "2"}, {"cpu": "1"})),
        # A limit of its own is the request before a LimitRange is asked for one.
        (container({"cpu": "2"}), [{"defaultRequest": {"cpu": "1"}}], ({"cpu": "2"}, {"cpu": "2"})),
        (container(), [{"default": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}}], ({"cpu": "2"}, {"cpu": "1"})),
        (container(), [{"default": {"cpu": "2"}}], ({"cpu": "2"}, {"cpu": "2"})),
        (container(None, {"cpu": "1"}), [{"default": {"cpu": "2"}}], ({"cpu": "2"}, {"cpu": "1"})),
        (container(), [{"default": {"cpu": "2"}}, {"default": {"cpu": "3"}}], ({"cpu": "2"}, {"cpu": "2"})),
        (container(), [{"default": {"cpu": "2"}}, {"default": {"memory": "1"}}], ({"cpu": "2", "memory": "1"},) * 2),
    ],
)
@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_the_defaults_of_a_container(given, ranges, found, field):
    pod = with_defaults({"containers": [], field: [given]}, [limit_range(**one) for one in ranges])
    assert tuple(pod[field][0]["resources"].values()) == found


def test_defaults_change_nothing_that_was_given():
    given = {"containers": [container({"cpu": "2"})]}
    with_defaults(given, [limit_range(default={"memory": "1"})])
    assert given == {"containers": [container({"cpu": "2"})]}


SIDECAR = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("pod", "total"),
    [
        ({"containers": [cpu("1"), cpu("500m")]}, "1.5"),
        ({"containers": [cpu("1")], "initContainers": [cpu("3"), cpu("2")]}, "3"),
        ({"containers": [cpu("4")], "initContainers": [cpu("3")]}, "4"),
        ({"containers": [cpu("1")], "initContainers": [cpu("2", **SIDECAR)]}, "3"),
        ({"containers": [cpu("1")], "initContainers": [cpu("2", **SIDECAR), cpu("4")]}, "6"),
        ({"containers": [cpu("1")], "initContainers": [cpu("4"), cpu("2", **SIDECAR)]}, "4"),
        ({"containers": [cpu("1")], "resources": {"requests": {"cpu": "3"}}}, "3"),
        ({"containers": [cpu("1")], "resources": {"limits": {"cpu": "3"}}}, "1"),
        ({"containers": [container()], "resources": {"limits": {"cpu": "3"}}}, "3"),
    ],
)
def test_what_the_scheduler_finds_room_for(pod, total):
    assert requests(pod) == {"cpu": Decimal(total)}


def test_limits_are_summed_in_the_same_way():
    init = [container({"cpu": "1"}, **SIDECAR), container({"cpu": "5", "memory": "1"})]
    pod = {"containers": [container({"cpu": "2"}), container({"cpu": "1"})], "initContainers": init}
    assert limits(pod) == {"cpu": 6, "memory": 1}
    assert limits(pod | {"resources": {"limits": {"cpu": "9"}}}) == {"cpu": 9, "memory": 1}
