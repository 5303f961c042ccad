"""The state that one check of a Job leaves in a file for the next check, which may run on another machine.

The file is JSON: `uid` of the Job; `logs`, how far each log was printed (log_positions.py); `results` of the Pods that
succeeded and `pods`, the data of each Pod for the timeline, because a Pod may be removed between two checks;
`left_out`, the number of other Pods by outcome; `log_bytes`, the size of the printed logs. `logs`, `results` and `pods`
have at most 64 KiB each. Data of removed Pods is kept first, because other Pods can be read again.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gke_jobs import results
from gke_jobs.following import log_positions
from gke_jobs.following.log_positions import LogState
from gke_jobs.json_access import Json, dict_at, int_at, list_at, text_at
from gke_jobs.results import PodResult
from gke_jobs.timeline.pod_history import PodHistory
from gke_jobs.timeline.record import Outcome, PodRun, pod_from_json

RESULTS_LIMIT = PODS_LIMIT = 64 << 10  # bytes
FILE_LIMIT = 2 * (log_positions.LIMIT + RESULTS_LIMIT + PODS_LIMIT)  # a larger file is not from this module


@dataclass(frozen=True, kw_only=True)
class CheckState:
    """The state from the earlier checks.

    logs: oldest first; results, pods: removed Pods first; removed: the number of removed Pods in `pods`
    left_out: how many removed Pods are not in `pods`, by outcome
    """

    logs: Mapping[str, LogState] = field(default_factory=dict)
    results: list[PodResult] = field(default_factory=list)
    pods: list[PodRun] = field(default_factory=list)
    removed: int = 0
    left_out: Mapping[Outcome, int] = field(default_factory=dict)
    log_bytes: int = 0

    @classmethod
    def of_runs(cls, runs: PodHistory, **others: Any) -> CheckState:
        """Return this state with the data of these Pods."""
        pods, removed = runs.removed_first()
        return cls(pods=pods, removed=removed, left_out=runs.left_out_before, **others)

    def runs(self) -> PodHistory:
        """Return the data of the Pods with which the next check continues."""
        return PodHistory(self.pods, self.left_out)


def read(file: Path | None, uid: str) -> CheckState:
    """Return the state of the Job with this uid from a file; an empty state if there is none."""
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
    counts = dict_at(found, "left_out")
    return CheckState(
        logs=log_positions.from_json(dict_at(found, "logs")),
        results=kept,
        pods=[pod for item in list_at(found, "pods") if (pod := pod_from_json(item))],
        left_out={Outcome[name]: int_at(counts, name) for name in counts if name in Outcome.__members__},
        log_bytes=max(0, int_at(found, "log_bytes")),
    )


def write(file: Path, uid: str, state: CheckState) -> None:
    """Write a file atomically. OSError if it cannot be written."""
    new = file.with_name(f"{file.name}.new")
    pods = _bounded((pod.to_json() for pod in state.pods), PODS_LIMIT)
    kept = {pod[0] for pod in pods}
    lost = [pod for pod in state.pods[: state.removed] if pod.uid not in kept]
    left_out = Counter(state.left_out) + Counter(pod.outcome for pod in lost)
    content = {
        "uid": uid,
        "logs": log_positions.to_json(state.logs),
        "results": _bounded((result.to_json() for result in state.results), RESULTS_LIMIT),
        "pods": pods,
        "left_out": {outcome.name: count for outcome, count in left_out.items()},
        "log_bytes": state.log_bytes,
    }
    new.write_text(json.dumps(content))
    os.replace(new, file)


def _bounded(items: Iterable[Json], left: int) -> list[Json]:
    """Return the first items that fit into so many bytes."""
    kept: list[Json] = []
    for item in items:
        size = len(json.dumps(item)) + len(", ")
        if size <= left:
            left -= size
            kept.append(item)
    return kept
