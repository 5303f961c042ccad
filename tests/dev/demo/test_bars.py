"""Bars of Pods, from the Pods of the API."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest

from demo.bars import Pods, coloured, picture

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(BEGIN + seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(name: str, *, created: int = 0, scheduled: int = 0, started: int | None = None, task: str = "train", **ended):
    """A Pod; ended: seconds, exit_code and reason of its container."""
    state: dict = {"waiting": {"reason": "ContainerCreating"}}
    phase = "Pending"
    if started is not None:
        phase, state = "Running", {"running": {"startedAt": stamp(started)}}
    if ended:
        phase = "Failed" if ended["exit_code"] else "Succeeded"
        end = {"exitCode": ended["exit_code"], "reason": ended.get("reason", ""), "finishedAt": stamp(ended["seconds"])}
        state = {"terminated": {**end, "startedAt": stamp(started or 0)}}
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(scheduled)}]
    return {
        "metadata": {
            "uid": name,
            "name": f"job-{name}",
            "labels": {"gke-job/task": task},
            "creationTimestamp": stamp(created),
        },
        "spec": {"nodeName": "gke-cluster-spot-pool-1", "containers": [{"name": "main"}]},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"name": "main", "state": state}],
        },
    }


def seen(*pods) -> Pods:
    found = Pods()
    for one in pods:
        found.change(one, is_deleted=False, now=BEGIN)
    return found


def drawn(pods: Pods, now: float, *, columns: int = 74, lines: int = 20) -> list[str]:
    return picture(pods.bars(), BEGIN + now, columns=columns, lines=lines)


def bar(line: str) -> str:
    return re.findall(r"\[(.*)\]", line)[0]


def test_without_pods_nothing_is_drawn():
    assert drawn(Pods(), 5) == []


def test_a_bar_has_a_character_for_each_second_of_a_phase_and_grows():
    pods = seen(pod("abcde", scheduled=2, started=3))
    head, row, legend = drawn(pods, 6)
    assert row.startswith("train abcde       ..-spot-pool-1 [--p===")
    assert row.endswith("] running")
    assert head.startswith("task ")
    assert legend == "- waiting for a node, p pulling images, = running"
    assert bar(drawn(pods, 8)[1]).rstrip() == "--p====="


def test_the_axis_ends_with_the_bars_and_shows_the_elapsed_time():
    pods = seen(pod("abcde", started=0))
    for now, axis in ((2, "0 2 s"), (9, "0     9 s"), (25, "0        25 s"), (200, "0      3 min 20 s")):
        head, row, _ = drawn(pods, now, columns=75)
        assert bar(head).rstrip() == axis
        assert len(bar(row).rstrip()) == len(axis) or now == 2


def test_a_pod_that_has_just_started_has_the_mark_of_running():
    (_, row, _) = drawn(seen(pod("abcde", scheduled=2, started=3)), 3.2)
    assert row.endswith("] running")
    assert bar(row).rstrip() == "--p="


def test_all_pods_are_on_one_axis_of_time():
    pods = seen(pod("abcde", started=0, seconds=3, exit_code=0), pod("fghij", created=4, scheduled=4, started=4))
    _, first, second, _ = drawn(pods, 7)
    assert (bar(first).rstrip(), bar(second).rstrip()) == ("===", "    ===")
    assert first.endswith("succeeded")


def test_the_end_of_a_pod_that_ran_out_of_memory_is_marked():
    (_, row, _) = drawn(seen(pod("abcde", started=0, seconds=4, exit_code=137, reason="OOMKilled")), 9)
    assert bar(row).rstrip() == "===x"
    assert row.endswith("OOMKilled, exit 137")


def test_a_deleted_pod_keeps_its_bar():
    pods = seen(pod("abcde", started=0, seconds=4, exit_code=1))
    pods.change(pod("abcde", started=0, seconds=4, exit_code=1), is_deleted=True, now=BEGIN + 5)
    assert drawn(pods, 9)[1].endswith("exit 1")


def test_a_character_spans_more_seconds_when_the_bars_have_no_room():
    pods = seen(pod("abcde", started=0))
    row = drawn(pods, 37, columns=77)[1]
    assert len(bar(row)) == 20
    assert bar(row).rstrip() == "=" * 19


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_longer_than_the_terminal(columns):
    assert max(map(len, drawn(seen(pod("abcde", started=0, task="a" * 63)), 9, columns=columns))) <= columns


def test_of_too_many_pods_the_newest_are_drawn():
    lines = drawn(seen(*(pod(f"pod{number:02}", created=number) for number in range(30))), 40, columns=150, lines=10)
    assert len(lines) == 10
    assert "pod29" in lines[-2]
    assert lines[-1].endswith("; 22 older Pods are not shown")


def test_the_bar_of_an_indexed_pod_has_the_index_beside_its_task():
    indexed = pod("abcde", started=0)
    indexed["metadata"]["annotations"] = {"batch.kubernetes.io/job-completion-index": "3"}
    assert drawn(seen(indexed), 3)[1].startswith("train 3 abcde ")


def test_a_running_pod_of_a_task_is_found():
    pods = seen(pod("abcde", task="other", started=0), pod("fghij"), pod("klmno", started=1))
    found = pods.running("train")
    assert found
    assert found.uid == "klmno"
    assert pods.running("none") is None


def test_only_the_bar_has_colours():
    assert coloured("a = b [==x  ] = c") == "a = b [\x1b[32m==\x1b[0m\x1b[31mx\x1b[0m  ] = c"
    assert coloured("- waiting, = running") == "- waiting, = running"
