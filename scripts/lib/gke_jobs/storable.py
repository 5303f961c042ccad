"""Finds values that no XCom can hold in a supported Airflow. Found later, they would fail each try of the task."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gke_jobs.json_access import Json

NOT_TEXT = re.compile("[\0\ud800-\udfff]")  # UTF-8 has no half surrogate pair, PostgreSQL's jsonb no NUL
# Airflow's serializer refuses these keys, and its deserializer creates objects of any importable class from them.
RESERVED = ("__classname__", "__id__")
OLD_FORM = {"__type", "__var"}  # the same for both keys together


def storage_problem(value: Json) -> str:
    """Return the part of a JSON value that no XCom can hold, '' if there is none."""
    return next((why for part in _parts(value) if (why := _why_not(part))), "")


def _parts(value: Json) -> Iterator[Json]:
    level = [value]
    while level:
        yield from level
        inner = [item for item in level if isinstance(item, (dict, list))]
        level = [part for item in inner for part in ([*item, *item.values()] if isinstance(item, dict) else item)]


def _why_not(part: Json) -> str:
    if isinstance(part, str) and (found := NOT_TEXT.search(part)):
        return "a NUL character" if found[0] == "\0" else "half of a surrogate pair"
    if isinstance(part, dict):
        keys = [key for key in RESERVED if key in part]
        if keys or part.keys() >= OLD_FORM:
            return f"the key {keys[0] if keys else '__type'}, which is reserved for Airflow"
    return ""
