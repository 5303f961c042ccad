"""The exit codes of the Pods that failed, for who decides by them: `skip_on_exit_code` of the operator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gke_jobs.containers import containers, main_container
from gke_jobs.json_access import Json, at, dict_at, int_at, text_at
from gke_jobs.labels import COMPLETION_INDEX


@dataclass(frozen=True, kw_only=True)
class PodFailure:
    """How the program of a Pod ended that failed. index: of an Indexed Job, else ''; finished_at: RFC 3339."""

    index: str
    finished_at: str
    exit_code: int


def failure_of(pod: Json) -> PodFailure | None:
    """Return how a Pod failed; None for any other, and for one that is deleted: the Job has failed without it."""
    program = main_container(pod)
    ended = next((one.ended for one in containers(pod) if one.name == program and one.kind != "init container"), {})
    if text_at(pod, "status", "phase") != "Failed" or at(pod, "metadata", "deletionTimestamp") or not ended:
        return None
    return PodFailure(
        index=text_at(dict_at(pod, "metadata", "annotations"), COMPLETION_INDEX),
        finished_at=text_at(ended, "finishedAt"),
        exit_code=int_at(ended, "exitCode"),
    )


def exit_codes(failures: Iterable[PodFailure], succeeded: set[str]) -> list[int]:
    """Return the exit code of the Pod that failed last; of an Indexed Job, of each index that never succeeded.

    succeeded: the indexes that did
    """
    last = {one.index: one.exit_code for one in sorted(failures, key=lambda one: one.finished_at)}
    return [code for index, code in last.items() if not index or index not in succeeded]
