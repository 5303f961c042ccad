"""The results that a follower has seen, in a file, because Pods and Jobs may be removed before collect-job runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gke_jobs.following.jobs import Job
from gke_jobs.json_access import Json, at, dict_at, list_at, text_at
from gke_jobs.plain_text import json_line
from gke_jobs.results import PodResult, ResultError, from_json, indexes_with_result, job_result


@dataclass(frozen=True, kw_only=True)
class Captured:
    """The last state of the Job that was seen (an API object, {} if none was) and the results of its Pods."""

    job: Json
    results: list[PodResult]


def write(file: Path, job: Json, results: Iterable[PodResult]) -> None:
    """Write the file atomically. OSError if it cannot be written."""
    spec, status = dict_at(job, "spec"), dict_at(job, "status")
    slim = {
        "metadata": {"uid": text_at(job, "metadata", "uid")},
        "spec": {key: spec[key] for key in ("completionMode", "completions") if key in spec},
        "status": {key: status[key] for key in ("conditions", "succeeded") if key in status},
    }
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps({"job": slim, "results": [result.to_json() for result in results]}))
    os.replace(new, file)


def read(file: Path) -> Captured:
    """Return the content of the file; an empty Captured if the file is missing or not complete."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return Captured(job={}, results=[])
    results = [result for item in list_at(found, "results") if (result := from_json(item))]
    return Captured(job=at(found, "job") or {}, results=results)


def complete_result(job: Job | None, results: list[PodResult]) -> str:
    """Return the result of a complete Job as collect-job prints it; '' if a part was not seen or is invalid."""
    if job is None or job.state != "Complete" or len(results) < job.succeeded:
        return ""
    completions = job.completions if job.indexed else None
    try:
        if completions is not None and indexes_with_result(results, completions) < completions:
            return ""
        return json_line(job_result(results, completions)) + "\n"
    except (ResultError, ValueError):
        return ""
