"""The exit codes of the Pods that failed, for the argument `skip_on_exit_code` of the operator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gke_jobs.containers import containers, main_container
from gke_jobs.json_access import Json, at, dict_at, int_at, text_at
from gke_jobs.labels import COMPLETION_INDEX

# The reasons of a Job that failed because of a Pod. Other reasons, such as a deadline, are not about its program.
BY_A_POD = ("BackoffLimitExceeded", "FailedIndexes", "MaxFailedIndexesExceeded", "PodFailurePolicy")


@dataclass(frozen=True, kw_only=True)
class PodFailure:
    """The end of the program of a failed Pod.

    index: of an Indexed Job, else ''; finished_at: RFC 3339, '' if not known; exit_code: None if not known
    """

    index: str
    finished_at: str
    exit_code: int | None


def failure_of(pod: Json) -> PodFailure | None:
    """Return how a Pod failed; None for other Pods, and for a deleted Pod, because the Job failed without it."""
    program = main_container(pod)
    ended = next((one.ended for one in containers(pod) if one.name == program and one.kind != "init container"), {})
    if text_at(pod, "status", "phase") != "Failed" or at(pod, "metadata", "deletionTimestamp"):
        return None
    return PodFailure(
        index=text_at(dict_at(pod, "metadata", "annotations"), COMPLETION_INDEX),
        finished_at=text_at(ended, "finishedAt"),
        exit_code=int_at(ended, "exitCode") if ended else None,
    )


def exit_codes(failures: Iterable[PodFailure], succeeded: set[str], reason: str) -> list[int]:
    """Return the exit code of the Pod that failed last, or of each index of an Indexed Job that never succeeded.

    Return [] if one of them is not known, or the Job did not fail because of a Pod.
    succeeded: the indexes that succeeded; reason: of the Job's condition Failed or FailureTarget
    """
    if reason not in BY_A_POD:
        return []
    in_order = sorted(failures, key=lambda one: (not one.finished_at, one.finished_at))
    last = {one.index: one.exit_code for one in in_order}
    codes = [code for index, code in last.items() if not index or index not in succeeded]
    known = [code for code in codes if code is not None]
    return known if len(known) == len(codes) else []
