"""The position up to which the log of each container was printed, as JSON from one check of a Job to the next.

The JSON has at most LIMIT bytes: `read` has the logs that were read to their end, `open` the others. Both name a
log by the end of its Pod's name and its container. Logs of removed Pods are not included. If the JSON would be larger,
the logs that were read to their end are left out, oldest first, then the others. The next check prints such logs, and
those whose entry is invalid, from their beginning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gke_jobs.json_access import Json, dict_at, int_at, text_at

LIMIT = 64 << 10  # bytes
STAMPS = 50, 1  # how many times of the newest lines of a log are kept; the second number if the JSON would be larger
FRACTION = re.compile(r"(?:\.\d{1,9})?", re.ASCII)
SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
ZONE = re.compile(r"Z|[+-]\d\d:\d\d", re.ASCII)
STAMP = re.compile(SECOND.pattern + FRACTION.pattern + f"(?:{ZONE.pattern})", re.ASCII)
NANOSECONDS = re.compile(rb"\.(\d{1,9})")
MOST = 1 << 40  # the maximum of any number


@dataclass(frozen=True, kw_only=True)
class Position:
    """The position up to which one log was printed.

    second, zone: of the newest line; copied: the number of lines for each time in that second
    before: lines of that second that are older than this nanosecond of it were also printed
    resumed: the time of a line that was printed only in part, and the number of printed bytes
    """

    second: bytes = b""
    zone: bytes = b""
    copied: Mapping[bytes, int] = field(default_factory=dict)
    before: int = 0
    resumed: tuple[bytes, int] = (b"", 0)


@dataclass(frozen=True, kw_only=True)
class LogState:
    """One log between two checks. position: None if it was read to its end; restarts: of its container."""

    restarts: int
    position: Position | None


def nanoseconds(stamp: bytes) -> int:
    """Return the nanoseconds of the fraction of a second in a time (RFC 3339)."""
    match = NANOSECONDS.search(stamp)
    return int(match[1].ljust(9, b"0")) if match else 0


def from_json(found: Json) -> dict[str, LogState]:
    """Return the states from the output of to_json, by log; {} for any other value."""
    whole = dict_at(found, "read")
    states = {log: LogState(restarts=_number(whole, log), position=None) for log in whole}
    for log, entry in dict_at(found, "open").items():
        if (position := _position(entry)) is not None:
            states[log] = LogState(restarts=_number(entry, "restarts"), position=position)
    return states


def to_json(states: Mapping[str, LogState]) -> dict[str, Json]:
    """Return a JSON object. states: oldest first."""
    whole: dict[str, Json] = {log: state.restarts for log, state in states.items() if state.position is None}
    for stamps in STAMPS:
        others: dict[str, Json] = {
            log: {"restarts": state.restarts, **_entry(state.position, stamps)}
            for log, state in states.items()
            if state.position is not None
        }
        excess = len(json.dumps({"read": whole, "open": others})) - LIMIT
        if excess <= 0:
            break
    for kind in (whole, others):
        for log in list(kind):
            if excess > 0:
                excess -= len(json.dumps({log: kind.pop(log)})) - len("{}")
    return {"read": whole, "open": others}


def _entry(position: Position, stamps: int) -> dict[str, Json]:
    newest = sorted(position.copied, key=nanoseconds)[-stamps:]
    before = position.before
    if len(newest) < len(position.copied):
        before = max(before, nanoseconds(newest[0]))
    begin, end = len(position.second), len(position.zone)
    entry: dict[str, Json] = {
        "second": position.second.decode(),
        "zone": position.zone.decode(),
        "copied": {stamp[begin : len(stamp) - end].decode(): position.copied[stamp] for stamp in newest},
        "before": before,
        "begun": position.resumed[0].decode(),
        "bytes": position.resumed[1],
    }
    return {key: value for key, value in entry.items() if value}


def _position(entry: Json) -> Position | None:
    """Return the position from an entry, None if the entry is invalid."""
    second, zone, begun = text_at(entry, "second"), text_at(entry, "zone"), text_at(entry, "begun")
    if begun and not STAMP.fullmatch(begun):
        return None
    position = Position(resumed=(begun.encode(), _number(entry, "bytes")))
    if not second:
        return position if isinstance(entry, dict) else None
    copied = dict_at(entry, "copied")
    if not SECOND.fullmatch(second) or not ZONE.fullmatch(zone) or not all(map(FRACTION.fullmatch, copied)):
        return None
    return replace(
        position,
        second=second.encode(),
        zone=zone.encode(),
        copied={f"{second}{fraction}{zone}".encode(): _number(copied, fraction) for fraction in copied},
        before=_number(entry, "before"),
    )


def _number(entry: Json, key: str) -> int:
    return min(max(int_at(entry, key), 0), MOST)
