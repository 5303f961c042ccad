"""Makes VALUES.md and the JSON Schema of each shipped template from templates/values.yaml: `make golden` runs it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATES = Path(__file__).parents[2] / "templates"
PAGE = TEMPLATES / "VALUES.md"
DEFINITIONS = TEMPLATES / "values.yaml"
COLUMNS = ("Value", "Type and unit", "Default", "Meaning")
SCALAR = {"type": ["string", "number", "boolean"], "x-type": "a string"}
INTEGER = {"type": ["integer", "string"], "pattern": "^-?[0-9]{1,18}$", "x-type": "an integer"}
FIELDS = {  # of inner mappings; others are as in Kubernetes
    "name": {"type": "string"},
    "key": {"type": "string"},
    "optional": {"type": "boolean"},
    "readOnly": {"type": "boolean"},
    "subPath": {"type": "string"},
}
TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": INTEGER,
    "boolean": {"type": "boolean"},
    "quantity": {"type": ["string", "number"], "x-type": "a quantity, e.g. 500m or 12Gi"},
    "list": {"type": "array"},
    "mapping": {"type": "object"},
    "list of strings": {"type": "array", "items": SCALAR},
    "list of integers": {"type": "array", "items": INTEGER},
    "list of mappings": {"type": "array", "items": {"type": "object"}},
    "mapping of strings": {"type": "object", "additionalProperties": SCALAR},
    "mapping of string lists": {"type": "object", "additionalProperties": {"type": "array", "items": SCALAR}},
}


@cache
def definitions() -> dict[str, Any]:
    """The content of values.yaml."""
    found: dict[str, Any] = yaml.safe_load(DEFINITIONS.read_text())
    return found


def shipped() -> list[str]:
    """The names of the templates."""
    return sorted(path.name.removesuffix(".yaml.j2") for path in TEMPLATES.glob("[!_]*.yaml.j2"))


def values_of(template: str) -> dict[str, dict[str, Any]]:
    """The definition of each value of a template."""
    return {**definitions()[template]["values"], **definitions()["shared"]}


def schema(template: str) -> str:
    """The JSON Schema of the values of a template, as text."""
    values = values_of(template)
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Values of {template}",
        "description": "Made from values.yaml by `make golden`; edit that.",
        "type": "object",
        "properties": {name: _property(value) for name, value in values.items()},
        "required": [name for name, value in values.items() if value["default"] == "required"],
        "additionalProperties": False,
        "x-elsewhere": definitions()["elsewhere"],
    }
    return json.dumps(content, indent=1) + "\n"


def _property(value: dict[str, Any]) -> dict[str, Any]:
    found = {**TYPES[value["type"]]}
    words = found.get("x-type", _a(value["type"]))
    if fields := value.get("fields"):
        found["additionalProperties"] = {
            "type": "object",
            "properties": {field.rstrip("!"): FIELDS.get(field.rstrip("!"), {}) for field in fields},
            "required": [field.rstrip("!") for field in fields if field.endswith("!")],
            "additionalProperties": False,
        }
    if value["default"] != "required":  # null leaves the field to Kubernetes
        types = found["type"] if isinstance(found["type"], list) else [found["type"]]
        found["type"] = [*types, "null"]
    bounds = {key: value[key] for key in ("minimum", "maximum") if key in value}
    described = f"{value['meaning']} (default: {value['default']})"
    return {
        "description": described,
        **found,
        **bounds,
        "x-type": words,
        **({"x-open": True} if _is_open(value) else {}),
    }


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _is_open(value: dict[str, Any]) -> bool:
    return bool(value.get("open"))


def page() -> str:
    """The content of VALUES.md."""
    found = definitions()
    parts = ["# The values of each template\n", "Made from [values.yaml](values.yaml) by `make golden`; edit that.\n"]
    for template in shipped():
        notes = f"The other values are those of [every template](#every-template). {found[template]['notes']}"
        parts += [f"## {template}\n", f"{found[template]['about']}\n", _table(found[template]["values"]), f"{notes}\n"]
    parts += ["## Every template\n", _table(found["shared"])]
    parts += [
        "A value that is null leaves its field to Kubernetes.\n",
        "**open**: the value becomes part of the manifest as it is. It can change what the Job may do: its image, its "
        "user, its volumes. Write it in the DAG; do not fill it from an XCom or a param that others can set.\n",
    ]
    return "\n".join(parts)


def _table(values: dict[str, dict[str, Any]]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    for name, value in values.items():
        kind = (
            f"{value['type']}{', ' + value['unit'] if 'unit' in value else ''}{', **open**' if _is_open(value) else ''}"
        )
        lines.append((f"`{name}`", kind, value["default"], value["meaning"]))
    return "".join("| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in line) + " |\n" for line in lines)


def files() -> dict[Path, str]:
    """The content of each file that is made."""
    return {PAGE: page()} | {TEMPLATES / f"{template}.schema.json": schema(template) for template in shipped()}


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content)
