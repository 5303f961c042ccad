"""Converts rendered values to JSON types, checks and merges them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def plain(value: Any, path: str = "values") -> Any:
    """Returns the value in JSON types: any mapping as dict, any sequence (also the XCom of a mapped task) as list.

    Nothing else is converted: a date or a Decimal has several representations, and only the code that makes the value
    knows which one a template expects.

    :param path: path of the value, for the error
    :raises TypeError: a value has a type that JSON lacks, or a key is not a string
    :raises ValueError: a number that JSON does not support: NaN or an infinity
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        check_numbers(value, path)
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{path} has the key {key!r} of type {_type_name(key)}; JSON keys are strings")
        return {key: plain(item, f"{path}[{key!r}]") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{path} is of type {_type_name(value)}, which JSON does not support; convert it, e.g. to a string")


def check_numbers(value: Any, path: str) -> None:
    """Refuses numbers that JSON lacks, also in dicts and lists; Airflow would fail to serialize the DAG.

    :param path: path of the value, for the error
    :raises ValueError: NaN or an infinity
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path} is {value}, a number that JSON does not support; pass null or a string")
    if isinstance(value, Mapping):
        for key, item in value.items():
            check_numbers(item, f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_numbers(item, f"{path}[{index}]")


def merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values, overridden by those of `over`; a dict in both is merged in the same way."""
    both = {
        key: merged(values[key], value)
        for key, value in over.items()
        if isinstance(value, Mapping) and isinstance(values.get(key), Mapping)
    }
    return {**values, **over, **both}


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
