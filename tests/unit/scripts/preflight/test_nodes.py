"""Reading the nodes of a large cluster."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from gke_jobs.error_texts import from_kubectl
from gke_jobs.errors import ApiError
from gke_jobs.preflight.nodes import PAGE, read


class Pages:
    """Stands in for kubectl, which asks a cluster that has more nodes than a page: no test has so many."""

    def __init__(self, nodes, fails_at=None):
        self._nodes, self._fails_at, self.asked = nodes, fails_at, 0

    def get(self, path, keep):
        url = urlsplit(path)
        query = parse_qs(url.query)
        assert url.path == "/api/v1/nodes"
        assert query["limit"] == [str(PAGE)]
        start = int(query.get("continue", ["from 0"])[0].partition(" ")[2])
        if start == self._fails_at:
            raise ApiError(from_kubectl("Error from server (Expired): The provided continue parameter is too old"))
        self.asked += 1
        end = start + PAGE
        page = {
            "metadata": {"continue": f"from {end}"} if end < len(self._nodes) else {},
            "items": self._nodes[start:end],
        }
        return json.loads(json.dumps(page), object_hook=keep)


def node(number, memory="16Gi", **labels):
    return {
        "metadata": {"name": f"n{number}", "labels": {"kubernetes.io/hostname": f"n{number}", **labels}},
        "spec": {"podCIDR": f"10.0.{number}.0/24", "taints": [{"key": "k", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"memory": memory}, "images": [{"names": ["i" * 1000]}]},
    }


def test_every_page_is_read_and_of_equal_nodes_the_first_is_kept():
    pages = Pages([node(number, pool="a" if number < 2 * PAGE else "b") for number in range(2 * PAGE + 1)])
    found = read(pages, {"pool"})
    assert pages.asked == 3
    assert [one["metadata"] for one in found] == [
        {"name": "n0", "labels": {"pool": "a"}},
        {"name": f"n{2 * PAGE}", "labels": {"pool": "b"}},
    ]
    assert found[0]["spec"] == {"taints": [{"key": "k", "effect": "NoSchedule"}], "unschedulable": None}
    assert found[0]["status"] == {"allocatable": {"memory": "16Gi"}}


def test_nodes_of_another_size_or_that_are_cordoned_are_kinds_of_their_own():
    cordoned = node(3)
    cordoned["spec"]["unschedulable"] = True
    found = read(Pages([node(1), node(2, memory="8Gi"), cordoned, node(4)]), set())
    assert [one["metadata"]["name"] for one in found] == ["n1", "n2", "n3"]


def test_a_list_that_breaks_off_is_none():
    with pytest.raises(ApiError):
        read(Pages([node(number) for number in range(PAGE + 1)], fails_at=PAGE), set())
