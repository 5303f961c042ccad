"""What the measurements are made of, without input or output but for the files of `count_lines`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median, quantiles
from typing import Any

READY = "compare-ready"
MEMORY = ("Private_Dirty", "Private", "Pss")


@dataclass(frozen=True)
class Row:
    """One figure of both checkouts. `unit` is for the reader."""

    what: str
    unit: str
    this: float
    other: float

    @property
    def ratio(self) -> float | None:
        """None where there is nothing to divide by."""
        return self.this / self.other if self.other else None


def memory_of(rollup: str) -> dict[str, int]:
    """Bytes by the names of MEMORY, from /proc/PID/smaps_rollup. Private is Private_Clean and Private_Dirty."""
    found: Counter[str] = Counter()
    for name, kibibytes in re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE):
        found[name] += int(kibibytes) * 1024
    return {
        "Private_Dirty": found["Private_Dirty"],
        "Private": found["Private_Clean"] + found["Private_Dirty"],
        "Pss": found["Pss"],
    }


def memory_of_all(rollups: Iterable[str]) -> dict[str, int]:
    """The sums of `memory_of`; zeros for no process."""
    total = dict.fromkeys(MEMORY, 0)
    for each in map(memory_of, rollups):
        total = {name: total[name] + each[name] for name in MEMORY}
    return total


def ready_pods(log: str) -> int:
    """How many Pods have come with their first line, which is READY and the Pod's index."""
    return len(set(re.findall(rf"\| {READY} (\d+)$", log, re.MULTILINE)))


def in_turn(names: Sequence[str], rounds: int) -> list[tuple[int, str]]:
    """Rounds with each name once, every other one backwards, so that neither is always the first."""
    return [(number, name) for number in range(rounds) for name in (names if number % 2 == 0 else names[::-1])]


def percentile(values: Sequence[float], percent: int) -> float:
    return values[0] if len(values) == 1 else quantiles(values, n=100, method="inclusive")[percent - 1]


def spread(what: str, unit: str, values: Mapping[str, Sequence[float]]) -> list[Row]:
    """Median, least and most."""
    ways = (("median", median), ("min", min), ("max", max))
    return [Row(f"{what}, {name}", unit, way(values["this"]), way(values["other"])) for name, way in ways]


def percentiles(what: str, unit: str, values: Mapping[str, Sequence[float]]) -> list[Row]:
    """The 50th and the 95th."""
    return [
        Row(f"{what}, p{each}", unit, percentile(values["this"], each), percentile(values["other"], each))
        for each in (50, 95)
    ]


def most_at_once(intervals: Iterable[tuple[float, float]]) -> int:
    """How many intervals, each a begin and an end, have a moment in common; an end is no part of its interval."""
    steps = sorted((moment, step) for interval in intervals for moment, step in zip(interval, (1, -1), strict=True))
    return max(accumulate(step for _, step in steps), default=0)


def delays(before: Mapping[str, float], after: Mapping[str, float]) -> list[float]:
    """From one moment to the other, of what has both."""
    return [after[name] - before[name] for name in before if name in after]


def increments(counts: Iterable[int], limit: int) -> list[int]:
    """How many more each time, to come to each of the counts that is not above the limit."""
    wanted = sorted({count for count in counts if count <= limit})
    return [count - before for before, count in zip([0, *wanted], wanted, strict=False)]


def merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured in two runs of bench.py: of each part that the second one has, the second."""
    cases = {outcome["case"] for outcome in after["outcomes"]}
    return {
        "about": {**after["about"], "parts": before["about"]["parts"] | after["about"]["parts"]},
        "values": before["values"] | after["values"],
        "requests": before["requests"] | after["requests"],
        "outcomes": [each for each in before["outcomes"] if each["case"] not in cases] + after["outcomes"],
    }


def connected_to(port: int, tcp: str) -> set[str]:
    """The inodes of the sockets that are connected to a port, from /proc/net/tcp."""
    # Number, local and remote address in hexadecimal, state (01: established); the tenth field is the inode.
    fields = [line.split() for line in tcp.splitlines()[1:]]
    return {each[9] for each in fields if each[2].endswith(f":{port:04X}") and each[3] == "01"}


def columns(rows: Iterable[tuple[str, str, Mapping[str, float]]], names: Sequence[str]) -> str:
    """A table with a column for each name. A row is what is measured, its unit and a figure by name."""
    lines = [f"{'':50}{'unit':>7}" + "".join(f"{name:>12}" for name in names)]
    for what, unit, values in rows:
        cells = (number(values[name]) if name in values else "" for name in names)
        lines.append(f"{what:50}{unit:>7}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join(lines)


def table(rows: Iterable[Row]) -> str:
    lines = [f"{'':58}{'unit':>8}{'this':>12}{'other':>12}{'ratio':>8}"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:8.2f}"
        lines.append(f"{row.what:58}{row.unit:>8}{number(row.this):>12}{number(row.other):>12}{ratio}")
    return "\n".join(lines)


def number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def language(name: str, text: str) -> str | None:
    """`Bash` or `Python`, by the file's name or its first line; None for anything else."""
    for suffix, program in ((".bash", "bash"), (".py", "python")):
        if name.endswith(suffix) or re.match(rf"#!.*\b{program}", text):
            return program.capitalize()
    return None


def count_lines(scripts: Path) -> dict[str, int]:
    """The lines of a directory's files, by language."""
    counted = {"Bash": 0, "Python": 0}
    for path in sorted(scripts.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            text = path.read_text(errors="replace")
            if found := language(path.name, text):
                counted[found] += len(text.splitlines())
    return counted
