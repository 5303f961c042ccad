"""The exit codes of the Pods that failed, for who decides by them: `skip_on_exit_code` of the operator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gke_jobs.containers import containers, main_container
from gke_jobs.json_access import Json, at, dict_at, int_at, text_at
from gke_jobs.labels import COMPLETION_INDEX

# The reasons of a Job that failed because of a Pod. Others, a deadline or a deletion, say nothing of its program.
BY_A_POD = ("BackoffLimitExceeded", "FailedIndexes", "MaxFailedIndexesExceeded", "PodFailurePolicy")


@dataclass(frozen=True, kw_only=True)
class PodFailure:
    """How the program of a Pod ended that failed.

    index: of an Indexed Job, else ''; finished_at: RFC 3339, '' where nobody knows; exit_code: None likewise
    """

    index: str
    finished_at: str
    exit_code: int | None


def failure_of(pod: Json) -> PodFailure | None:
    """Return how a Pod failed; None for any other, and for one that is deleted: the Job has failed without it."""
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
    """Return the exit code of the Pod that failed last; of an Indexed Job, of each index that never succeeded.

    None at all where one of them is not known, or the Job did not fail because of a Pod.
    succeeded: the indexes that did; reason: of the Job's condition Failed or FailureTarget
    """
    if reason not in BY_A_POD:
        return []
    in_order = sorted(failures, key=lambda one: (not one.finished_at, one.finished_at))
    last = {one.index: one.exit_code for one in in_order}
    codes = [code for index, code in last.items() if not index or index not in succeeded]
    known = [code for code in codes if code is not None]
    return known if len(known) == len(codes) else []
