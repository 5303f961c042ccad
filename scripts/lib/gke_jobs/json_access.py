"""Reads foreign JSON: a value that is missing or of another type gives a default, never an exception."""

from __future__ import annotations

import re
from typing import Any

Json = Any  # what json.loads returns
COUNT = re.compile("[0-9]{1,9}")
UID = re.compile("[0-9a-zA-Z][-0-9a-zA-Z]{0,63}")


def at(value: Json, *path: str) -> Json:
    """Return the value at a path of keys, None if there is none."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_at(value: Json, *path: str) -> str:
    """Return the text at a path, '' if there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def int_at(value: Json, *path: str) -> int:
    """Return the integer at a path, 0 if there is none."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def count_at(value: Json, *path: str) -> int:
    """Return the integer of at most nine digits in the text at a path, 0 for any other text."""
    text = text_at(value, *path)
    return int(text) if COUNT.fullmatch(text) else 0


def list_at(value: Json, *path: str) -> list[Json]:
    """Return the list at a path, [] if there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def dict_at(value: Json, *path: str) -> dict[str, Json]:
    """Return the object at a path, {} if there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def is_uid(text: str) -> bool:
    """Whether this may be the uid of an object. Such a text is safe as a word of a command."""
    return UID.fullmatch(text) is not None


def is_owned_by(pod: Json, uid: str) -> bool:
    """Whether the controller ownerReference of a Pod names the Job with this uid. Labels can be copied."""
    return any(
        owner.get("controller") is True and owner.get("kind") == "Job" and owner.get("uid") == uid
        for owner in list_at(pod, "metadata", "ownerReferences")
        if isinstance(owner, dict)
    )


def true_conditions(obj: Json) -> dict[str, dict[str, Json]]:
    """Return the conditions of an object that are True, by type."""
    return {
        text_at(condition, "type"): condition
        for condition in list_at(obj, "status", "conditions")
        if at(condition, "status") == "True"
    }
