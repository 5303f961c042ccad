"""Checks the values of a template: by the JSON Schema beside it (value_schema.py), else by the names that it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from jinja2 import Environment

from gke_jobs.plain_text import one_line
from gke_jobs.rendering.patterns import PatternTimeoutError, matches
from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.value_schema import KINDS, read_schema
from gke_jobs.rendering.values import Json

TYPE_NAMES = {"array": "list", "object": "mapping"}
MOST = 10  # wrong values in one report
FEW = 5  # known names that are listed if none is similar
LONGEST_NAME = 100  # characters; for longer names no similar one is searched
NEAR = 0.6  # similarity in difflib, for a hint
TYPING_ERROR = 0.8  # the same, for an error: fields that Kubernetes 1.26 to 1.37 added are less similar to older ones


def check_values(values: dict[str, Json], template: Path, environment: Environment) -> None:
    """Raise RenderError, with a line for each value, if values are unknown, missing or invalid.

    environment: of Jinja, to find the template by its name
    """
    schema = read_schema(template)
    wrong = _unread_values(values, template, environment) if schema is None else _errors(values, schema, "values")
    found = list(islice(wrong, MOST + 1))
    if not found:
        return
    fix = "see templates/VALUES.md" if schema and "x-elsewhere" in schema else "correct the values or the template"
    more = [f"more than {MOST} values are wrong"] if len(found) > MOST else []
    raise RenderError(BAD_INPUT, *found[:MOST], *more, where=template.name, fix=fix)


def _unread_values(values: dict[str, Json], template: Path, environment: Environment) -> Iterator[str]:
    from gke_jobs.rendering.value_reads import values_read  # not needed with a schema

    read = values_read(environment, template.name)
    for name in values:
        if read is not None and name not in read:
            yield _unknown(name, read, {}, "values", why="the template does not read it")


def _errors(value: Json, schema: dict[str, Json], path: str) -> Iterator[str]:
    """Yield the errors of a value; `path` names it."""
    requirement = _violation(value, schema)
    if requirement:
        hint = f" ({schema['x-hint']})" if "x-hint" in schema else ""
        yield f"{path} must be {requirement}{hint}"
    elif isinstance(value, dict):
        yield from _mapping_errors(value, schema, path)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _errors(item, schema["items"], f"{path}[{index}]")


def _violation(value: Json, schema: dict[str, Json]) -> str:
    """Return the requirement that a value violates, without its elements; '' if there is none."""
    types = _types(schema)
    if "enum" in schema and not any(type(value) is type(one) and value == one for one in schema["enum"]):
        given = repr(one_line(str(value))[:50]) if isinstance(value, str | int | float) else _kind(value)
        choices = [str(one) for one in schema["enum"] if one is not None or len(schema["enum"]) == 1]
        return f"{'' if len(choices) == 1 else 'one of '}{', '.join(choices)}, not {given}"
    if types and not set(KINDS[type(value)]) & set(types):
        return f"{_type_text(schema, types)}, not {_kind(value)}"
    if isinstance(value, str) and "pattern" in schema:
        try:
            if not matches(schema["pattern"], value):
                words = schema.get("x-type") or f"text that matches {one_line(schema['pattern'])}"
                return f"{words}, not {one_line(value)[:50]!r}"
        except PatternTimeoutError:
            return f"shorter, or the pattern {one_line(schema['pattern'])} simpler: it takes too long to match"
    if isinstance(value, list) and len(value) < schema.get("minItems", 0):
        return f"a list with at least {schema['minItems']} item{'' if schema['minItems'] == 1 else 's'}"
    return _range_violation(value, schema)


def _range_violation(value: Json, schema: dict[str, Json]) -> str:
    number = value
    if isinstance(value, str):  # a text that matched the pattern of a number
        number = int(value) if re.fullmatch("-?[0-9]{1,18}", value) else None
    if isinstance(number, int | float) and not isinstance(number, bool):
        low, high = schema.get("minimum", number), schema.get("maximum", number)
        if not low <= number <= high:
            return f"{f'at least {low}' if number < low else f'at most {high}'}, not {number}"
    return ""


def _mapping_errors(value: dict[str, Json], schema: dict[str, Json], path: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    refused = schema.get("x-refused", {})
    for name, item in value.items():
        here, part = f"{path}.{one_line(name)}", known.get(name, others)
        if "propertyNames" in schema and (requirement := _violation(name, schema["propertyNames"])):
            yield f"a key of {path} must be {requirement}"
        elif name in refused:
            yield f"{here} cannot be set ({refused[name]})"
        elif part is False or (name not in known and schema.get("x-near") and _similar(name, known, TYPING_ERROR)):
            yield _unknown(name, known, schema.get("x-elsewhere", {}), path)
        elif isinstance(part, dict):
            yield from _errors(item, part, here)
    for name in schema.get("required", []):
        if name not in value:
            part = known.get(name, {})
            yield f"{path}.{name} is missing: give {_type_text(part, _types(part))}"


def _unknown(name: str, known: Iterable[str], elsewhere: dict[str, str], path: str, why: str = "") -> str:
    hints = [why] if why else []
    if name in elsewhere:
        hints = [f"here it is {elsewhere[name]}"]
    elif near := _similar(name, known, NEAR):
        hints.append(f"did you mean {near[0]}?")
    elif 0 < len(fields := list(known)) <= FEW:
        hints.append(f"the fields are {', '.join(fields)}")
    return f"{path}.{one_line(name)} is unknown" + (f" ({': '.join(hints)})" if hints else "")


def _similar(name: str, known: Iterable[str], cutoff: float) -> list[str]:
    from difflib import get_close_matches  # rarely needed

    return get_close_matches(name.lower(), sorted(known), n=1, cutoff=cutoff) if len(name) <= LONGEST_NAME else []


def _types(schema: dict[str, Json]) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def _type_text(schema: dict[str, Json], types: list[str]) -> str:
    if "x-type" in schema:
        return str(schema["x-type"])
    return " or ".join(_with_article(TYPE_NAMES.get(kind, kind)) for kind in types) or "a value"


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return f"the {'boolean' if isinstance(value, bool) else 'number'} {one_line(json.dumps(value))[:50]}"
    kind = KINDS[type(value)][0]
    return _with_article(TYPE_NAMES.get(kind, kind))


def _with_article(word: str) -> str:
    return word if word == "null" else f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
