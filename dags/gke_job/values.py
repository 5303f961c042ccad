"""Turns rendered values into JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def plain(value: Any, path: str = "values") -> Any:
    """Returns the value in types that JSON has: any mapping as dict, any sequence (a mapped task's XCom, too) as list.

    Nothing else is converted: a date or a Decimal has more than one reading, and which one a template wants is
    known where the value is made.

    :param path: where the value is, for the error
    :raises TypeError: a value that JSON lacks, or a key that is no string
    :raises ValueError: a number that JSON lacks: NaN or an infinity
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        check_numbers(value, path)
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{path} has the key {key!r} of type {_name(key)}; JSON keys are strings")
        return {key: plain(item, f"{path}[{key!r}]") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{path} is of type {_name(value)}, which JSON lacks; convert it, e.g. to a string")


def check_numbers(value: Any, path: str) -> None:
    """Refuses numbers that JSON lacks, in dicts and lists, too; Airflow would fail to serialize the DAG.

    :param path: where the value is, for the error
    :raises ValueError: NaN or an infinity
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path} is {value}, a number that JSON lacks; pass null or a string")
    if isinstance(value, Mapping):
        for key, item in value.items():
            check_numbers(item, f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_numbers(item, f"{path}[{index}]")


def merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values with those of `over` in their place; a dict in both is merged in the same way."""
    both = {
        key: merged(values[key], value)
        for key, value in over.items()
        if isinstance(value, Mapping) and isinstance(values.get(key), Mapping)
    }
    return {**values, **over, **both}


def _name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
