"""Checks the values of a template: by the JSON Schema beside it, else by which values it reads.

The schema of NAME.yaml.j2 is NAME.schema.json. It may use the keywords of FORMS, and annotations. Three of them are
ours: `x-type` says in an error what a value must be, `x-elsewhere` what another name is called here, and `x-open` marks
a value that becomes part of the manifest as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from jinja2 import Environment

from gke_jobs.plain_text import one_line
from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.templating import SUFFIX
from gke_jobs.rendering.values import Json

ANNOTATIONS = {"title", "description", "default", "examples", "deprecated", "$schema", "$id", "$comment"}
KINDS: dict[type, tuple[str, ...]] = {  # the names of JSON Schema for what json.loads makes
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    list: ("array",),
    dict: ("object",),
    type(None): ("null",),
}
WORDS = {"array": "list", "object": "mapping"}
SCHEMA = "$schema"  # a values file may name its schema, for editors


class _WrongError(Exception):
    """A value that is not as it should be; the message says which and how."""


def check_values(values: dict[str, Json], template: Path, environment: Environment) -> dict[str, Json]:
    """Return the values without `$schema`; RenderError when one is unknown, missing, or of a wrong type.

    environment: of Jinja, which finds the template by its name
    """
    values = {name: value for name, value in values.items() if name != SCHEMA}
    schema = _schema(template)
    try:
        if schema is not None:
            _check(values, schema, "values")
        else:
            _check_reads(values, template, environment)
    except _WrongError as error:
        fix = "see templates/VALUES.md" if schema and "x-elsewhere" in schema else "correct the values or the template"
        raise RenderError(BAD_INPUT, f"{error}, {template.name}, {fix}") from None
    return values


def _check_reads(values: dict[str, Json], template: Path, environment: Environment) -> None:
    from gke_jobs.rendering.value_reads import values_read  # which a template with a schema does not need

    read = values_read(environment, template.name)
    if read is not None:
        _refuse_unknown(values, read, {}, "the template does not read it")


def _schema(template: Path) -> dict[str, Json] | None:
    file = template.with_name(f"{template.name.removesuffix(SUFFIX)}.schema.json")
    try:
        schema = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RenderError(
            BAD_INPUT, f"cannot read the schema of the values, {file.name}: {error}, correct it"
        ) from None
    try:
        _check_schema(schema)
    except _WrongError as error:
        raise RenderError(BAD_INPUT, f"{error}, {file.name}, use only {', '.join(sorted(FORMS))}") from None
    return dict(schema)


def _check_schema(schema: Json) -> None:
    """Refuse what would not be checked, or is no schema."""
    if not isinstance(schema, dict):
        raise _WrongError("a schema is no mapping")
    for keyword, content in schema.items():
        if keyword in FORMS and not FORMS[keyword](content):
            raise _WrongError(f"the schema has {keyword}: {one_line(json.dumps(content))[:50]}, which it cannot be")
        if keyword not in FORMS.keys() | ANNOTATIONS and not keyword.startswith("x-"):
            raise _WrongError(f"the schema has the keyword {one_line(keyword)}, which is not supported")
    others = schema.get("additionalProperties")
    inner = [schema.get("items"), None if isinstance(others, bool) else others]
    for part in [*schema.get("properties", {}).values(), *(part for part in inner if part is not None)]:
        _check_schema(part)


def _are_texts(content: Json) -> bool:
    return isinstance(content, list) and all(isinstance(item, str) for item in content)


def _is_type(content: Json) -> bool:
    names = [content] if isinstance(content, str) else content
    return _are_texts(names) and bool(names) and set(names) <= {kind for kinds in KINDS.values() for kind in kinds}


def _is_pattern(content: Json) -> bool:
    try:
        return isinstance(content, str) and bool(re.compile(content))
    except re.error:
        return False


def _is_number(content: Json) -> bool:
    return isinstance(content, int | float) and not isinstance(content, bool) and content == content  # not NaN


FORMS: dict[str, Callable[[Json], bool]] = {  # the keywords, and what each may hold
    "type": _is_type,
    "properties": lambda content: isinstance(content, dict),
    "additionalProperties": lambda content: isinstance(content, bool | dict),
    "required": _are_texts,
    "items": lambda content: isinstance(content, dict),
    "pattern": _is_pattern,
    "minimum": _is_number,
    "maximum": _is_number,
    "enum": lambda content: isinstance(content, list),
    "x-elsewhere": lambda content: isinstance(content, dict),
}


def _check(value: Json, schema: dict[str, Json], path: str) -> None:
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not set(KINDS[type(value)]) & set(types):
        raise _WrongError(f"{path} must be {_words(schema, types)}, not {_kind(value)}")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        words = schema.get("x-type") or f"text that matches {one_line(schema['pattern'])}"
        raise _WrongError(f"{path} must be {words}, not {one_line(value)[:50]!r}")
    if "enum" in schema and not any(type(value) is type(one) and value == one for one in schema["enum"]):
        raise _WrongError(
            f"{path} must be one of {', '.join(map(str, schema['enum']))}, not {one_line(str(value))[:50]!r}"
        )
    if "minimum" in schema or "maximum" in schema:
        _check_range(value, schema, path)
    if isinstance(value, dict):
        _check_mapping(value, schema, path)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            _check(item, schema["items"], f"{path}[{index}]")


def _check_range(value: Json, schema: dict[str, Json], path: str) -> None:
    number = value
    if isinstance(value, str):  # which its pattern has taken for a number
        number = int(value) if re.fullmatch("-?[0-9]{1,18}", value) else None
    if isinstance(number, int | float) and not isinstance(number, bool):
        low, high = schema.get("minimum", number), schema.get("maximum", number)
        if not low <= number <= high:
            limit = f"at least {low}" if number < low else f"at most {high}"
            raise _WrongError(f"{path} must be {limit}, not {number}")


def _check_mapping(value: dict[str, Json], schema: dict[str, Json], path: str) -> None:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    if others is False and not value.keys() <= known.keys():
        _refuse_unknown(value, known, schema.get("x-elsewhere", {}), "", path)
    for name in schema.get("required", []):
        if name not in value:
            raise _WrongError(f"{path}.{name} is missing: give {_words(known.get(name, {}), [])}")
    for name, item in value.items():
        part = known.get(name, others)
        if isinstance(part, dict):
            _check(item, part, f"{path}.{one_line(name)}")


def _refuse_unknown(
    given: dict[str, Json], known: Iterable[str], elsewhere: dict[str, str], why: str, path: str = "values"
) -> None:
    from difflib import get_close_matches  # which most runs do not need

    known = sorted(known)
    for name in given:
        if name not in known:
            hints = [why] if why else []
            if name in elsewhere:
                hints = [f"here it is {elsewhere[name]}"]
            elif near := get_close_matches(name.lower(), known, n=1):
                hints.append(f"did you mean {near[0]}?")
            raise _WrongError(f"{path}.{one_line(name)} is unknown" + (f" ({'; '.join(hints)})" if hints else ""))


def _words(schema: dict[str, Json], types: list[str]) -> str:
    if "x-type" in schema:
        return str(schema["x-type"])
    return " or ".join(_a(WORDS.get(kind, kind)) for kind in types) or "a value"


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    kind = KINDS[type(value)][0]
    return _a(WORDS.get(kind, kind))


def _a(word: str) -> str:
    return word if word == "null" else f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
