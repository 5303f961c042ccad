"""Imitates how an Indexed Job writes and picks its completion indexes: `1,3-5,7`, lowest first."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby

from localgke.store import Object


def parse_indexes(text: str) -> set[int]:
    """`1,3-5` -> {1, 3, 4, 5}."""
    ends = [part.partition("-") for part in text.split(",") if part]
    return {index for first, _, last in ends for index in range(int(first), int(last or first) + 1)}


def format_indexes(indexes: Collection[int]) -> str:
    """{1, 3, 4, 5} -> `1,3-5`; only three or more in a row become a range."""
    parts: list[str] = []
    for _, group in groupby(enumerate(sorted(indexes)), lambda pair: pair[1] - pair[0]):
        run = [index for _, index in group]
        parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(index) for index in run]
    return ",".join(parts)


def completion_indexes(job: Object, active: Collection[int]) -> Iterator[int]:
    """The indexes that still need a Pod, lowest first; none for a Job that is not Indexed."""
    if job["spec"].get("completionMode") == "Indexed":
        done = parse_indexes(job["status"].get("completedIndexes", ""))
        yield from (i for i in range(job["spec"]["completions"]) if i not in done and i not in active)
