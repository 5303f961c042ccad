"""Imitates how the API server decodes a body: strict about names and types, from the table of fields in fields.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from localgke.errors import ApiError, not_imitated
from localgke.resources import Resource
from localgke.store import Object

_TABLE = yaml.safe_load((Path(__file__).parent / "fields.yaml").read_text())
IMITATED: dict[str, dict[str, str]] = _TABLE["imitated"]
REFUSED: dict[str, list[str]] = _TABLE["refused"]
QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
LIMITS = {"int32": 2**31, "int64": 2**63}


class _Wrong(Exception):  # noqa: N818 - it never leaves this module
    """A value of another type than its field."""


class _Decoder:
    def __init__(self) -> None:
        self.unknown: list[str] = []

    def object(self, type_: str, value: Any, path: tuple[str, ...], shown: str) -> Any:
        if not isinstance(value, dict):
            raise _Wrong(value, "v1." + type_)
        found = {}
        for name, item in value.items():
            where = f"{shown}.{name}" if shown else name
            if name in REFUSED.get(type_, ()):
                raise not_imitated(f'the field "{where}"')
            if name not in IMITATED[type_]:
                self.unknown.append(where)
            elif item is not None:
                try:
                    found[name] = self.value(IMITATED[type_][name], item, (*path, name), where)
                except _Wrong as wrong:
                    given, expected = wrong.args
                    raise ApiError(
                        "BadRequest",
                        f"json: cannot unmarshal {_kind(given)} into Go struct field "
                        f"{type_}.{'.'.join((*path, name))} of type {expected}",
                    ) from None
        return found

    def value(self, type_: str, value: Any, path: tuple[str, ...], shown: str) -> Any:
        if type_ == "any":
            return value
        if type_.startswith("[]"):
            if not isinstance(value, list):
                raise _Wrong(value, f"[]v1.{type_[2:]}" if type_[2:] in IMITATED else type_)
            return [self.value(type_[2:], item, path, f"{shown}[{i}]") for i, item in enumerate(value)]
        if type_.startswith("map[string]"):
            if not isinstance(value, dict):
                raise _Wrong(value, type_)
            of = type_.removeprefix("map[string]")
            return {key: self.value(of, item, path, f"{shown}.{key}") for key, item in value.items()}
        if type_ == "Quantity":
            if isinstance(value, bool) or not QUANTITY.fullmatch(str(value)):
                regex = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
                raise ApiError("BadRequest", f"quantities must match the regular expression '{regex}'")
            return str(value)
        if type_ in ("string", "bool"):
            if not isinstance(value, str if type_ == "string" else bool):
                raise _Wrong(value, type_)
            return value
        if type_ in LIMITS:
            if type(value) is not int or not -LIMITS[type_] <= value < LIMITS[type_]:
                raise _Wrong(value, type_)
            return value
        return self.object(type_, value, path, shown)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= LIMITS["int32"]):
        return f"number {value}"
    return {int: "number", str: "string", list: "array", dict: "object"}[type(value)]


def decode(resource: Resource, body: object, validation: str) -> tuple[Object, list[str]]:
    """The object in a request's body, without unknown fields, and a warning for each of those.

    `validation` is the query's fieldValidation: Strict (unknown fields are an error), Warn or Ignore. Raises
    BadRequest in the words of the API server, NotImplemented for a field that only a real cluster understands.
    """
    if not isinstance(body, dict):
        raise ApiError("BadRequest", "the body of the request must be an object")
    kind, version = body.get("kind") or resource.kind, body.get("apiVersion") or resource.api_version
    if (kind, version) != (resource.kind, resource.api_version):
        raise ApiError(
            "BadRequest",
            f"the API version in the data ({version}, {kind}) does not match the expected "
            f"({resource.api_version}, {resource.kind})",
        )
    decoder = _Decoder()
    refusal = f'{kind} in version "v1" cannot be handled as a {kind}: '
    try:
        obj = decoder.object(kind, body, (), "")
    except ApiError as error:
        if error.reason == "BadRequest":
            error.message = refusal + error.message
        raise
    unknown = [f'unknown field "{field}"' for field in decoder.unknown]
    if unknown and validation == "Strict":
        raise ApiError("BadRequest", f"{refusal}strict decoding error: {', '.join(unknown)}")
    obj.update(kind=kind, apiVersion=version)
    return obj, unknown if validation == "Warn" else []
