"""Imitates how the API server reads a body: strict about names, types and values, with defaults, from fields.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from localgke.errors import ApiError
from localgke.resources import Resource
from localgke.store import Object
from localgke.validation import FORMATS, Findings

FIELD = re.compile(r"(?P<type>\S+)(?P<required> required)?( = (?P<default>.+))?")
SCALARS: dict[str, type] = {"bool": bool, "int32": int, "int64": int}  # the others are texts
LIMITS = {"int32": 2**31 - 1, "int64": 2**63 - 1}
JSON_NAMES = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
MAP = "map[string]"


class Field(NamedTuple):
    """What fields.yaml says of one field; a default of None is none."""

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
    """The object in a request's body, with its defaults. Unknown fields are refused, whatever fieldValidation says.

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
        obj: Object = reader.read(kind, body, "")
        if reader.unknown:
            fields = ", ".join(f'unknown field "{path}"' for path in reader.unknown)
            raise _Unreadable(f"strict decoding error: {fields}: misspelled, or localgke does not imitate it")
    except _Unreadable as error:
        raise ApiError("BadRequest", f'{kind} in version "v1" cannot be handled as a {kind}: {error}') from None
    reader.findings.raise_any(resource, obj)
    return {**obj, "kind": kind, "apiVersion": version}


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """A body that is of another form than its kind."""


class _Reader:
    def __init__(self) -> None:
        self.findings = Findings()
        self.unknown: list[str] = []

    def read(self, type_: str, value: Any, path: str) -> Any:
        if type_ == "any":
            return value
        if type_ in TYPES:
            return self._object(TYPES[type_], self._expect(dict, value, path), path)
        if type_.startswith("[]"):
            items = self._expect(list, value, path)
            return [self.read(type_[2:], item, f"{path}[{i}]") for i, item in enumerate(items)]
        if type_.startswith(MAP):
            of = type_.removeprefix(MAP)
            return {key: self.read(of, item, f"{path}.{key}") for key, item in self._expect(dict, value, path).items()}
        if type_ == "Quantity" and type(value) in (int, float):
            value = str(value)
        self._expect(SCALARS.get(type_, str), value, path)
        if type_ in LIMITS:
            self.findings.between(path, value, 0, LIMITS[type_])
        elif type_ in FORMATS:
            self.findings.matches(path, value, FORMATS[type_])
        elif type_ not in ("string", "bool"):
            self.findings.one_of(path, value, type_.split("|"))
        return value

    def _object(self, fields: dict[str, Field], value: Object, path: str) -> Object:
        self.unknown += [_at(path, name) for name in value if name not in fields]
        obj = {}
        for name, field in fields.items():
            # The empty text is what Go clients write for a text that is not set.
            item = field.default if value.get(name) in (None, "") else value[name]
            if field.required and item in (None, "", [], {}):
                self.findings.required(_at(path, name))
            elif item is not None:
                obj[name] = self.read(field.type, item, _at(path, name))
        return obj

    @staticmethod
    def _expect(kind: type, value: Any, path: str) -> Any:
        if type(value) is not kind:
            given, wanted = JSON_NAMES[type(value)], JSON_NAMES[kind]
            raise _Unreadable(f"json: cannot unmarshal {given} into the field {path} of type {wanted}")
        return value


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
