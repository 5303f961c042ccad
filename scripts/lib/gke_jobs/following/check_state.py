"""What one check of a Job leaves in a file for the next, which may run on another machine.

The file is JSON: `uid` of the Job; `logs`, how far each log was printed (log_positions.py); `results`, what the Pods
that succeeded have left, because a Pod may be removed between two checks. `logs` and `results` have at most 64 KiB
each. Where results need more, those of Pods that are gone are kept first: the others can be read again while their Pods
are there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gke_jobs import results
from gke_jobs.following import log_positions
from gke_jobs.following.log_positions import LogState
from gke_jobs.json_access import Json, dict_at, list_at, text_at
from gke_jobs.results import PodResult

RESULTS_LIMIT = 64 << 10  # bytes
FILE_LIMIT = 2 * (log_positions.LIMIT + RESULTS_LIMIT)  # more is none of ours


@dataclass(frozen=True, kw_only=True)
class CheckState:
    """What a check knows of those before it. logs: the oldest first; results: first those of Pods that are gone."""

    logs: Mapping[str, LogState] = field(default_factory=dict)
    results: list[PodResult] = field(default_factory=list)


def read(file: Path | None, uid: str) -> CheckState:
    """Return what is in a file about the Job with this uid; nothing where there is none."""
    if file is None:
        return CheckState()
    try:
        with file.open("rb") as opened:
            found = json.loads(opened.read(FILE_LIMIT))
    except (OSError, ValueError, RecursionError):
        return CheckState()
    if text_at(found, "uid") != uid:
        return CheckState()
    kept = [result for item in list_at(found, "results") if (result := results.from_json(item))]
    return CheckState(logs=log_positions.from_json(dict_at(found, "logs")), results=kept)


def write(file: Path, uid: str, state: CheckState) -> None:
    """Write a file in one step. OSError when it cannot be written."""
    new = file.with_name(f"{file.name}.new")
    content = {"uid": uid, "logs": log_positions.to_json(state.logs), "results": _bounded(state.results)}
    new.write_text(json.dumps(content))
    os.replace(new, file)


def _bounded(found: Iterable[PodResult]) -> list[Json]:
    """Return results as JSON, as many as there is room for, the first first."""
    kept: list[Json] = []
    left = RESULTS_LIMIT
    for item in (result.to_json() for result in found):
        size = len(json.dumps(item)) + len(", ")
        if size <= left:
            left -= size
            kept.append(item)
    return kept
