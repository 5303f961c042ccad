"""Imitates how the API server reads a body: strict about names, types and values, with defaults, from fields.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from localgke.errors import ApiError
from localgke.resources import Resource
from localgke.store import Object
from localgke.validation import FORMATS, NOT_DECODED, Findings

FIELD = re.compile(r"(?P<type>\S+)(?P<required> required)?( = (?P<default>.+))?")
SCALARS: dict[str, type] = {"bool": bool, "int32": int, "int64": int, "string": str}  # the others are texts
LIMITS = {"int32": 2**31 - 1, "int64": 2**63 - 1}
JSON_NAMES = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
MAP = "map[string]"


class Field(NamedTuple):
    """The entry of fields.yaml for a field; default: None without one."""

    type: str
    required: bool
    default: Any


def _field(text: str) -> Field:
    match = FIELD.fullmatch(text)
    assert match, text
    return Field(match["type"], bool(match["required"]), yaml.safe_load(match["default"] or "null"))


TYPES: dict[str, dict[str, Field]] = {
    type_: {name: _field(text) for name, text in fields.items()}
    for type_, fields in yaml.safe_load((Path(__file__).parent / "fields.yaml").read_text()).items()
}


def decode(resource: Resource, body: object) -> Object:
    """Returns the object in a request's body, with its defaults. Refuses unknown fields, whatever fieldValidation is.

    Raises BadRequest for a wrong kind, name or type of a field, Invalid for a missing or wrong value.
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
    reader = _Reader()
    try:
        obj: Object = reader.read(kind, body, "", kind)
        if reader.unknown:
            fields = ", ".join(f'unknown field "{path}"' for path in reader.unknown)
            raise _Unreadable(f"strict decoding error: {fields}: misspelled, or localgke does not imitate it")
    except _Unreadable as error:
        raise ApiError("BadRequest", f'{kind} in version "v1" cannot be handled as a {kind}: {error}') from None
    reader.findings.raise_any(resource, obj)
    return {**obj, "kind": kind, "apiVersion": version}


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """A body does not have the form of its kind."""


class _Reader:
    def __init__(self) -> None:
        self.findings = Findings()
        self.unknown: list[str] = []

    def read(self, type_: str, value: Any, path: str, owner: str) -> Any:
        """Returns the value of a field. `owner`: the Go type that has it."""
        if type_ == "any":
            return value
        if type_ == "unset":
            self.unknown += [path] if value else []
            return value
        if type_ in TYPES:
            return self._object(type_, self._expect(type_, value, path, owner), path)
        if type_.startswith("[]"):
            items = self._expect(type_, value, path, owner)
            return [self.read(type_[2:], item, f"{path}[{i}]", owner) for i, item in enumerate(items)]
        if type_.startswith(MAP):
            of = type_.removeprefix(MAP)
            items = self._expect(type_, value, path, owner).items()
            return {key: self.read(of, item, path, owner) for key, item in items}
        if type_ == "Quantity" and type(value) in (int, float):
            value = str(value)
        self._expect(type_ if type_ in SCALARS else "string", value, path, owner)
        if type_ in LIMITS:
            self.findings.at_least_zero(path, value)
        elif type_ in NOT_DECODED:
            if not re.fullmatch(FORMATS[type_].pattern, value):
                raise _Unreadable(FORMATS[type_].said)
        elif type_ in FORMATS:
            self.findings.matches(path, value, FORMATS[type_])
        elif type_ not in ("string", "bool"):
            self.findings.one_of(path, value, type_.split("|"))
        return value

    def _object(self, type_: str, value: Object, path: str) -> Object:
        fields = TYPES[type_]
        self.unknown += [_at(path, name) for name in value if name not in fields]
        obj = {}
        for name, field in fields.items():
            # Go clients send an empty text for an unset text.
            item = field.default if value.get(name) in (None, "") else value[name]
            if field.required and item in (None, "", [], {}):
                self.findings.required(_at(path, name))
            elif item is not None:
                obj[name] = self.read(field.type, item, _at(path, name), type_)
        return obj

    @staticmethod
    def _expect(type_: str, value: Any, path: str, owner: str) -> Any:
        """Returns the value if it can be decoded into a Go type. Raises _Unreadable."""
        kind = SCALARS.get(type_) or (list if type_.startswith("[]") else dict)
        given = JSON_NAMES[type(value)]
        if type(value) is kind:
            if _fits(type_, value):
                return value
            given += f" {value}"
        field = re.sub(r"\[\d+\]", "", path)
        go_type = re.sub(r"\w+$", lambda match: f"v1.{match[0]}" if match[0] in TYPES else match[0], type_)
        raise _Unreadable(f"json: cannot unmarshal {given} into Go struct field {owner}.{field} of type {go_type}")


def _fits(type_: str, value: Any) -> bool:
    return type_ not in LIMITS or abs(value) <= LIMITS[type_]


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
