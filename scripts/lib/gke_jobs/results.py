"""The result of a Job: the termination message of its program, JSON or text.

The result of one Pod is its message; of several Pods without indexes, that of the Pod that succeeded last; of an
Indexed Job, a list in the order of the indexes. A message in JSON stays unchanged, other text becomes a JSON string,
and no message becomes null.

A message of the maximum length of Kubernetes was truncated, unless it is complete JSON. That is an error, because a
truncated result would remain unnoticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NoReturn

from gke_jobs.containers import containers, main_container
from gke_jobs.json_access import Json, at, dict_at, int_at, list_at, text_at
from gke_jobs.labels import COMPLETION_INDEX
from gke_jobs.plain_text import one_line, parse_time
from gke_jobs.storable import storage_problem

MESSAGE_BYTES = 4096  # of a container
POD_BYTES = 12288  # of all containers of a Pod, in equal shares
DEEPEST = 100  # lists and objects in one another
MOST_INDEXES = 1_000_000
INDEX = re.compile(r"\d{1,10}", re.ASCII)
ADVICE = "write larger results to object storage and their URI to the result"


class ResultError(Exception):
    """There is no valid result; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class PodResult:
    """The result of one Pod that succeeded.

    index: of an Indexed Job; finished_at: RFC 3339, may be ''; message: '' for none; limit: of the message, bytes
    """

    name: str
    uid: str
    index: int | None
    finished_at: str
    message: str
    limit: int

    def to_json(self) -> dict[str, Json]:
        """Return the result as a JSON object."""
        return asdict(self)


def from_json(value: Json) -> PodResult | None:
    """Return the result from the output of to_json; None for any other value."""
    index = at(value, "index")
    is_index = index is None or (isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 10**10)
    if not isinstance(value, dict) or not text_at(value, "uid") or not is_index:
        return None
    return PodResult(
        name=one_line(text_at(value, "name")),
        uid=text_at(value, "uid"),
        index=index,
        finished_at=text_at(value, "finished_at"),
        message=text_at(value, "message"),
        limit=min(max(int_at(value, "limit"), 0), MESSAGE_BYTES),
    )


def result_of(pod: Json) -> PodResult | None:
    """Return the result of a Pod that succeeded; None for any other Pod."""
    if text_at(pod, "status", "phase") != "Succeeded":
        return None
    program = main_container(pod)
    ended = next((one.ended for one in containers(pod) if one.name == program and one.kind != "init container"), {})
    number = len(list_at(pod, "spec", "containers")) + len(list_at(pod, "spec", "initContainers"))
    return PodResult(
        name=one_line(text_at(pod, "metadata", "name")),
        uid=text_at(pod, "metadata", "uid"),
        index=_index(text_at(dict_at(pod, "metadata", "annotations"), COMPLETION_INDEX)),
        finished_at=text_at(ended, "finishedAt"),
        message=text_at(ended, "message"),
        limit=min(MESSAGE_BYTES, POD_BYTES // max(1, number)),
    )


def merged(*results: Iterable[PodResult]) -> list[PodResult]:
    """Return the results of several readings, one for each Pod: the last one with a message."""
    by_uid: dict[str, PodResult] = {}
    for result in (result for some in results for result in some):
        if result.message or result.uid not in by_uid:
            by_uid[result.uid] = result
    return list(by_uid.values())


def job_result(results: Iterable[PodResult], completions: int | None) -> Json:
    """Return the result of a Job from the results of its Pods.

    completions: of an Indexed Job, whose result is a list with null for a missing one; None for any other
    ResultError if a message is no valid result.
    """
    latest = sorted(results, key=_end)
    if completions is None:
        return value_of(latest[-1]) if latest else None
    by_index = _by_index(latest, completions)
    return [value_of(by_index[index]) if index in by_index else None for index in range(completions)]


def without_message(results: Iterable[PodResult], completions: int | None) -> int:
    """Return how many messages the result of a Job lacks: of indexes, or the only one of a Job without indexes."""
    latest = sorted(results, key=_end)
    if completions is None:
        return 0 if latest and latest[-1].message.strip() else 1
    return completions - sum(bool(result.message.strip()) for result in _by_index(latest, completions).values())


def partial_result(results: Iterable[PodResult], completions: int) -> tuple[list[Json], list[str]]:
    """Return the result of an Indexed Job that failed, null for a missing one, and why a message is no valid result."""
    found = {index: _value_or_error(one) for index, one in _by_index(sorted(results, key=_end), completions).items()}
    values = [found[index][0] if index in found else None for index in range(completions)]
    return values, [error for _, error in found.values() if error]


def indexes_with_result(results: Iterable[PodResult], completions: int) -> int:
    """Return the number of indexes of a Job with a Pod that succeeded."""
    return len(_by_index(results, completions))


def value_of(result: PodResult) -> Json:
    """Return a message as a JSON value. ResultError if it was truncated, is too deep, or cannot be an XCom."""
    if not result.message.strip():
        return None
    value = _read(result)
    if why := storage_problem(value):
        raise ResultError(f"Pod {result.name}: an XCom cannot store {why}; write the result in another form")
    return value


def _read(result: PodResult) -> Json:
    try:
        value = json.loads(result.message, parse_constant=_refuse)
        json.dumps(value, allow_nan=False)
        deep = _depth(value) > DEEPEST
        if type(value) in (int, float) and _is_full(result):  # perhaps the first digits of a longer number
            raise _cut(result)
    except RecursionError:
        deep = True
    except ValueError:
        if _is_full(result):
            raise _cut(result) from None
        return result.message.removesuffix("\n")
    if deep:
        raise ResultError(
            f"Pod {result.name}: result nested more than {DEEPEST} levels deep; write it as text, or with fewer levels"
        )
    return value


def _is_full(result: PodResult) -> bool:
    return len(result.message.encode(errors="replace")) >= result.limit


def _cut(result: PodResult) -> ResultError:
    return ResultError(f"Pod {result.name}: result truncated at {result.limit} bytes; {ADVICE}")


def _value_or_error(result: PodResult) -> tuple[Json, str]:
    try:
        return value_of(result), ""
    except ResultError as error:
        return None, str(error)


def _by_index(results: Iterable[PodResult], completions: int) -> dict[int, PodResult]:
    _checked(completions)
    return {one.index: one for one in results if one.index is not None and 0 <= one.index < completions}


def _checked(completions: int) -> int:
    if not 0 <= completions <= MOST_INDEXES:
        what = f"the Job has {completions} completions, but a result has at most {MOST_INDEXES} values"
        raise ResultError(f"{what}; {ADVICE}")
    return completions


def _index(text: str) -> int | None:
    return int(text) if INDEX.fullmatch(text) else None


def _end(result: PodResult) -> tuple[bool, datetime | str, str]:
    time = parse_time(result.finished_at)
    return (time is not None, time or "", result.name)


def _depth(value: Json) -> int:
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
