"""Checks each line that the scripts print while hostile texts are written. It shares no code with the scripts.

No line can imitate a line of the toolkit: each line begins with a prefix that only the toolkit writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from stress.hostile import IMPOSTOR

COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udc9f]")
MARKS = re.compile(r"::(end)?group::|##\[(end)?group\]", re.IGNORECASE)
LOG = re.compile(r"(\d+-)?[bcdfghjklmnpqrstvwxz2456789]{5}( [a-z0-9-]+)? \| ")
MESSAGE = re.compile(rf"(run|submit|follow|collect|explain|poll)-job: (?!{IMPOSTOR})|(list|watch)-jobs: (?!{IMPOSTOR})")
DIAGNOSIS = (
    rf"  |Job {{job}} (?!{IMPOSTOR})|Pod {{job}}-[a-z0-9-]+( \(index .*\))?: |advice: (?!{IMPOSTOR})|\d+ Pods alike; "
    r"|\d+ of its Pods |others, not shown: |the Job has more |its Pods could not |not all events "
    r"|timeline: [a-z ]+ after |gke-job-summary: \{"
)
ROW = re.compile(
    r"JOB +STATE +AGE +DURATION +PHASE +POOL +GPU +PROFILE +TASK$|"
    r"[a-z0-9-]+ +(Pending|Running|Suspended|Deleting|Complete|Failed) "
)
LONGEST = 16_000  # characters in a message


def faults(output: bytes, is_ours: Callable[[str], object], *, folds: bool = False) -> list[str]:
    """Return what is wrong with an output; `is_ours` returns whether a line begins as a line of the toolkit."""
    found = []
    text = output.decode(errors="surrogateescape")
    if text and not text.endswith("\n"):
        found.append("the last line is not ended")
    lines = text.removesuffix("\n").split("\n") if text else []
    folding = [line for line in lines if line.startswith("::")]
    if folds:
        expected = [r"::group::Job [a-z0-9-]+: its Pods and their logs", "::endgroup::"]
        is_expected = len(folding) == 2 and all(map(re.fullmatch, expected, folding))
        if folding and not is_expected:
            found.append(f"the groups are not ours: {folding!r}")
        lines = [line for line in lines if not line.startswith("::")]
    for line in lines:
        plain = COLOURS.sub("", line) if LOG.match(line) else line
        if control := FORBIDDEN.search(plain):
            found.append(f"a control character, {control[0]!r}: {line[:200]!r}")
        if MARKS.search(COLOURS.sub("", line)):
            found.append(f"a mark of a group: {line[:200]!r}")
        if not is_ours(line):
            found.append(f"no line of ours: {line[:200]!r}")
        elif len(line) > LONGEST and not LOG.match(line) and not line.startswith(("{", "[")):
            found.append(f"a line of {len(line)} characters: {line[:100]!r}")
    return found


def is_message(line: str) -> bool:
    """Return whether a line is a message of a script."""
    return bool(MESSAGE.match(line))


def is_log(line: str) -> bool:
    """Return whether a line is of a container's log."""
    return bool(LOG.match(line))


def is_row(line: str) -> bool:
    """Return whether a line is of the table of list-jobs."""
    return bool(ROW.match(line))


def is_event(line: str) -> bool:
    """Return whether a line is of watch-jobs."""
    try:
        value = json.loads(line)
    except ValueError:
        return False
    is_ours = isinstance(value, dict) and value.get("job") != IMPOSTOR
    return is_ours and value.get("event") in ("job", "gone", "synced")


def is_json(line: str) -> bool:
    """Return whether a line is JSON."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def diagnosis(job: str) -> Callable[[str], bool]:
    """Return a function that returns whether a line is of the diagnosis of a Job."""
    pattern = re.compile(DIAGNOSIS.replace("{job}", re.escape(job)))
    return lambda line: bool(pattern.match(line))
