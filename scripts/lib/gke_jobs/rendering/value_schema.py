"""The JSON Schema beside a template: NAME.schema.json of NAME.yaml.j2, and which keywords it may use.

These are the keywords of FORMS, and annotations. Keywords with the prefix `x-` belong to the toolkit:
x-type       what a value must be, in the words of an error
x-hint       why, or what else there is
x-elsewhere  the correct name for a name that is unknown here
x-refused    names that cannot be given, and why
x-near       true: a name that is not in `properties` but similar to one that is, is a typing error
x-open       true: the value becomes part of the manifest unchanged
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from gke_jobs.plain_text import one_line
from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.templating import SUFFIX
from gke_jobs.rendering.values import Json

ANNOTATIONS = {"title", "description", "default", "examples", "deprecated", "$schema", "$id", "$comment"}
KINDS: dict[type, tuple[str, ...]] = {  # the names in JSON Schema for the types that json.loads returns
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    list: ("array",),
    dict: ("object",),
    type(None): ("null",),
}


def read_schema(template: Path) -> dict[str, Json] | None:
    """Return the schema of the values of a template, None if it has none. RenderError if it cannot be used."""
    file = template.with_name(f"{template.name.removesuffix(SUFFIX)}.schema.json")
    try:
        schema = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        what = f"cannot read the schema of the values: {reason}"
        raise RenderError(BAD_INPUT, what, where=file.name, fix="correct it") from None
    _check_schema(schema, file.name)
    return dict(schema)


def _check_schema(schema: Json, file: str) -> None:
    """Refuse a schema that is invalid, or uses a keyword that would not be checked."""
    if not isinstance(schema, dict):
        raise RenderError(BAD_INPUT, "a schema is not a mapping", where=file, fix="correct it")
    for keyword, content in schema.items():
        if keyword in FORMS and not FORMS[keyword](content):
            found = one_line(json.dumps(content, ensure_ascii=False))[:50]
            what = f"the schema has {keyword}: {found}, which is invalid"
            raise RenderError(BAD_INPUT, what, where=file, fix="correct it")
        if keyword not in FORMS.keys() | ANNOTATIONS and not keyword.startswith("x-"):
            what = f"the schema has the keyword {one_line(keyword)}, which is not supported"
            raise RenderError(BAD_INPUT, what, where=file, fix=f"use only {', '.join(sorted(FORMS))}")
    others = schema.get("additionalProperties")
    inner = [schema.get("items"), schema.get("propertyNames"), None if isinstance(others, bool) else others]
    for part in [*schema.get("properties", {}).values(), *(part for part in inner if part is not None)]:
        _check_schema(part, file)


def _is_mapping(content: Json) -> bool:
    return isinstance(content, dict)


def _are_texts(content: Json) -> bool:
    return isinstance(content, list) and all(isinstance(item, str) for item in content)


def _is_type(content: Json) -> bool:
    names = [content] if isinstance(content, str) else content
    return _are_texts(names) and bool(names) and set(names) <= {kind for kinds in KINDS.values() for kind in kinds}


def _is_pattern(content: Json) -> bool:
    try:
        return isinstance(content, str) and bool(re.compile(content))
    except (re.error, RecursionError, OverflowError):
        return False


def _is_number(content: Json) -> bool:
    return isinstance(content, int | float) and not isinstance(content, bool) and content == content  # not NaN


FORMS: dict[str, Callable[[Json], bool]] = {  # the keywords, with a check of the value of each
    "type": _is_type,
    "properties": _is_mapping,
    "propertyNames": _is_mapping,
    "additionalProperties": lambda content: isinstance(content, bool | dict),
    "required": _are_texts,
    "items": _is_mapping,
    "minItems": lambda content: type(content) is int,
    "pattern": _is_pattern,
    "minimum": _is_number,
    "maximum": _is_number,
    "enum": lambda content: isinstance(content, list) and len(content) > 0,
    "x-elsewhere": _is_mapping,
    "x-refused": _is_mapping,
}
