"""The goals of the race, and the floors below which no ratio may fall. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from performance.figures import percentile
from performance.ways import WAYS

STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "median": median,
    "p95": lambda values: percentile(values, 95),
    "max": max,
}
WAITING = ("kubernetes-job", "kubernetes-pod", "gke-job")
DEFERRABLE = tuple(f"{name}-deferrable" for name in WAITING)


@dataclass(frozen=True)
class Goal:
    """A figure of `way` that is to be at most `goal`.

    With `peers` it is a ratio instead, that of the best of them to ours, which is to be at least `goal`; below `floor`
    continuous integration fails. Only ratios have floors: how fast a machine is says nothing about the code.
    """

    text: str
    measure: str
    way: str
    statistic: str
    goal: float
    unit: str = ""
    peers: tuple[str, ...] = ()
    floor: float | None = None

    def figure(self, measured: Mapping[str, Any]) -> float | None:
        """None where it was not measured."""
        of_way = values_of(measured, self.measure)
        statistic = STATISTICS[self.statistic]
        peers = [statistic(of_way[peer]) for peer in self.peers if of_way.get(peer)]
        if not of_way.get(self.way) or (self.peers and not peers):
            return None
        ours = float(statistic(of_way[self.way]))
        if not self.peers:
            return ours
        return min(peers) / ours if ours > 0 else float("inf")

    def is_met(self, figure: float) -> bool:
        return figure >= self.goal if self.peers else figure <= self.goal


GOALS = (
    Goal("Complete to task success, waiting", "finish", "ours", "p95", 0.3, "s"),
    Goal("the same, times as fast as KubernetesJobOperator", "finish", "ours", "p95", 20, "", WAITING[:1], floor=3),
    Goal("Complete to task success, 20 Jobs while 100 are deferred", "many_finish", "ours-deferrable", "p95", 2, "s"),
    Goal(
        "the same, times as fast as the best peer", "many_finish", "ours-deferrable", "p95", 2, "", DEFERRABLE, floor=1
    ),
    Goal(
        "Complete to success of one deferred Job, times as fast as KubernetesJobOperator",
        *("finish", "ours-deferrable", "p95", 2, "", DEFERRABLE[:1]),
        floor=1,
    ),
    Goal("container prints to line in the task log, waiting", "line", "ours", "max", 1, "s"),
    Goal("operator begins to Job created, warm, waiting", "submit_warm", "ours", "median", 0.6, "s"),
    Goal("operator begins to Job created, warm, deferrable", "submit_warm", "ours-deferrable", "median", 0.6, "s"),
    Goal("requests a waiting Job and minute, waiting", "wait_requests", "ours", "median", 2, "a minute"),
    Goal(
        "the same, times as few as KubernetesJobOperator",
        "wait_requests",
        "ours",
        "median",
        2,
        "",
        WAITING[:1],
        floor=2,
    ),
    Goal(
        "requests a waiting Job and minute, 100 deferred", "many_requests", "ours-deferrable", "median", 0.1, "a minute"
    ),
    Goal("private memory of a wait, waiting", "wait_memory", "ours", "median", 25, "MiB"),
    Goal(
        "the same, times as little as KubernetesJobOperator",
        "wait_memory",
        "ours",
        "median",
        2,
        "",
        WAITING[:1],
        floor=1,
    ),
    Goal(
        "private memory of a wait on the worker, deferrable", "many_worker_memory", "ours-deferrable", "max", 0, "MiB"
    ),
    Goal("processor time of a run, waiting", "cpu", "ours", "median", 0.7, "s"),
    Goal("processor time of a run, deferrable", "cpu", "ours-deferrable", "median", 0.7, "s"),
    Goal(
        "requests of a whole run, times as few as KubernetesJobOperator",
        *("requests", "ours", "median", 1.5, "", WAITING[:1]),
        floor=1,
    ),
)


def values_of(measured: Mapping[str, Any], measure: str) -> Mapping[str, Sequence[float]]:
    """By way. `requests` is those of a whole run, of every verb."""
    found = measured["requests"].get("any") if measure == "requests" else measured["values"].get(measure)
    return {name: found[name] for name in WAYS if found.get(name)} if found else {}


def below_floor(measured: Mapping[str, Any]) -> list[str]:
    """A line for each ratio that is below its floor; what was not measured is not."""
    return [
        f"{goal.text}: {figure:.2f}, the floor is {goal.floor}"
        for goal, figure in figures(measured)
        if goal.floor is not None and figure is not None and figure < goal.floor
    ]


def figures(measured: Mapping[str, Any]) -> Iterator[tuple[Goal, float | None]]:
    """All goals with what was measured."""
    return ((goal, goal.figure(measured)) for goal in GOALS)
