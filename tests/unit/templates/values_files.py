"""Makes VALUES.md and the JSON Schema of each shipped template from templates/values.yaml, as part of `make golden`."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

TEMPLATES = Path(__file__).parents[3] / "templates"
PAGE = TEMPLATES / "VALUES.md"
DEFINITIONS = TEMPLATES / "values.yaml"
COLUMNS = ("Value", "Type and unit", "Default", "Meaning")
SCALAR = {"type": ["string", "number", "boolean"], "x-type": "a string"}
INTEGER = {"type": ["integer", "string"], "pattern": "^-?[0-9]{1,18}$", "x-type": "an integer"}
QUANTITY = {
    "type": ["string", "number"],
    "pattern": "^([0-9]+([.][0-9]*)?|[.][0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?$",
    "minimum": 0,
    "x-type": "a quantity, e.g. 500m or 12Gi",
}
QUANTITIES = {"type": ["object", "null"], "additionalProperties": {**QUANTITY, "type": [*QUANTITY["type"], "null"]}}
LABEL = {  # https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
    **SCALAR,
    "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    "x-type": "at most 63 letters, digits, dashes, underscores and dots, a letter or digit at both ends",
}
LABEL_KEY = {
    "pattern": "^(?!gke-job/)([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    "x-type": "the key of a label, as team or example.com/team, not of gke-job/, which are the toolkit's own",
}
ANNOTATION_KEY = {"pattern": "^(?!gke-job/)", "x-type": "another than one of gke-job/, which are the toolkit's own"}
BUCKET = {
    **SCALAR,
    "pattern": "^(_|[a-z0-9][-a-z0-9_.]*[a-z0-9])$",
    "x-type": "the name of a bucket without gs:// and without a path, which is one below the directory",
}
FIELDS = {  # of inner mappings; others are as in Kubernetes
    "name": {"type": "string"},
    "key": {"type": "string"},
    "optional": {"type": "boolean"},
    "readOnly": {"type": "boolean"},
    "subPath": {"type": "string"},
}
TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "non-empty string": {"type": "string", "pattern": "[^ ]", "x-type": "a non-empty string"},
    "integer": INTEGER,
    "boolean": {"type": "boolean"},
    "quantity": QUANTITY,
    "annotation key": ANNOTATION_KEY,
    "path": {"type": "string", "pattern": r"^/[^\u0000-\u001f\u007f]*$", "x-type": "an absolute path, e.g. /data"},
    "mount path": {
        "type": "string",
        "pattern": r"^/(?!(.*/)?[.][.](/|$))[^:\u0000-\u001f\u007f]*$",
        "x-type": "an absolute path without a colon or .., e.g. /data",
    },
    "list": {"type": "array"},
    "mapping": {"type": "object"},
    "list of strings": {"type": "array", "items": SCALAR},
    "list of integers": {"type": "array", "items": INTEGER},
    "list of mappings": {"type": "array", "items": {"type": "object"}},
    "mapping of strings": {"type": "object", "additionalProperties": SCALAR},
    "mapping of labels": {"type": "object", "propertyNames": LABEL_KEY, "additionalProperties": LABEL},
    "mapping of buckets": {"type": "object", "additionalProperties": BUCKET},
    "mapping of string lists": {"type": "object", "additionalProperties": {"type": "array", "items": SCALAR}},
    "mapping of mappings": {"type": "object", "additionalProperties": {"type": "object"}},
}
BOUNDS = ("minimum", "maximum")
KUBERNETES = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"  # the OpenAPI schemas it publishes
NEWEST = ".".join(kubernetes_validate.latest_version().split(".")[:2])
NESTED = {  # fields whose fields are known as well, and whether they are a list of it
    "affinity": ("Affinity", False),
    "containers": ("Container", True),
    "envFrom": ("EnvFromSource", True),
    "initContainers": ("Container", True),
    "resources": ("ResourceRequirements", False),
    "tolerations": ("Toleration", True),
    "topologySpreadConstraints": ("TopologySpreadConstraint", True),
}
TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
VOLUME_SOURCES = {  # fields of a volume, whose fields are known as well
    "configMap": "ConfigMapVolumeSource",
    "csi": "CSIVolumeSource",
    "downwardAPI": "DownwardAPIVolumeSource",
    "emptyDir": "EmptyDirVolumeSource",
    "ephemeral": "EphemeralVolumeSource",
    "image": "ImageVolumeSource",
    "nfs": "NFSVolumeSource",
    "persistentVolumeClaim": "PersistentVolumeClaimVolumeSource",
    "projected": "ProjectedVolumeSource",
    "secret": "SecretVolumeSource",
}
RESOURCE_NAMES = ("cpu", "memory", "ephemeral-storage", "nvidia.com/gpu", "google.com/tpu")


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
    values = {**definitions()[template]["values"], **definitions()["shared"]}
    for name, refused in definitions()[template].get("refused", {}).items():
        values[name] = {**values[name], "refused": {**values[name].get("refused", {}), **refused}}
    return values


def schema(template: str) -> str:
    """The JSON Schema of the values of a template, as text."""
    values = values_of(template)
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Values of {template}",
        "description": "Made from values.yaml by `make golden`; edit that.",
        "type": "object",
        "properties": {
            "$schema": {"type": "string", "description": "this schema, for editors; it is no value"},
            **{name: _property(value) for name, value in values.items()},
        },
        "required": [name for name, value in values.items() if value["default"] == "required"],
        "additionalProperties": False,
        "x-elsewhere": elsewhere(template),
    }
    return json.dumps(content, indent=1) + "\n"


def elsewhere(template: str) -> dict[str, str]:
    """The right value for a name that is not a value of a template: of Kubernetes, another template, or an operator."""
    found = {name: f"container, with {name}" for name in kubernetes_fields("Container")}
    found |= {name: f"pod, with {name}" for name in kubernetes_fields("PodSpec")}
    for other in shipped():
        found |= dict.fromkeys(definitions()[other]["values"], f"a value of the template {other}")
    known = values_of(template)
    found |= {name: value for name in found if (value := re.sub("([A-Z])", r"_\1", name).lower()) in known}
    found |= definitions()["elsewhere"]
    return {name: found[name] for name in sorted(found.keys() - known.keys())}


def _property(value: dict[str, Any]) -> dict[str, Any]:
    found = {**TYPES[value["type"]]}
    words = found.get("x-type", _a(value["type"]))
    if value["type"] == "mapping":
        found |= _fields(value, in_list=False)
    elif value["type"] == "mapping of mappings":
        found["additionalProperties"] = {"type": "object", **_fields(value, in_list=False)}
    elif value["type"] == "list of mappings":
        found["items"] = {"type": "object", **_fields(value, in_list=True)}
    if "keys" in value:
        found["propertyNames"] = TYPES[value["keys"]]
    if "choices" in value:
        found["enum"] = value["choices"]
    bounds = {key: value[key] for key in BOUNDS if key in value}
    if value["type"] == "list of integers":
        found["items"] = {**found["items"], **bounds}
        bounds = {}
    described = f"{value['meaning']} (default: {value['default']})"
    found = {
        "description": described,
        **found,
        **bounds,
        "x-type": words,
        **({"x-open": True} if _is_open(value) else {}),
    }
    return found if value["default"] == "required" else _or_null(found)  # null leaves the field out


def _fields(value: dict[str, Any], *, in_list: bool) -> dict[str, Any]:
    """The part of a schema for the fields of a mapping."""
    found: dict[str, Any] = {}
    if kind := value.get("kubernetes"):
        found = kubernetes(kind, in_list=in_list)
    elif fields := value.get("fields"):
        found = {
            "properties": {field.rstrip("!"): _field(field.rstrip("!")) for field in fields},
            "required": [field.rstrip("!") for field in fields if field.endswith("!")],
            "additionalProperties": False,
        }
    for name, refused in value.get("merged", {}).items():
        items = {**found["properties"][name]["items"], "x-refused": refused}
        found["properties"] |= {name: {**found["properties"][name], "type": "array", "items": items}}
    for name, only in value.get("only", {}).items():
        found["properties"] |= {name: {"enum": [only["is"]], "x-hint": only["hint"]}}
    return found | {f"x-{key}": value[key] for key in ("refused", "elsewhere") if key in value}


def _field(name: str) -> dict[str, Any]:
    if name in VOLUME_SOURCES:
        return _or_null({"type": "object", **kubernetes(VOLUME_SOURCES[name], in_list=False)})
    return FIELDS.get(name, {})


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, "null"], **({"enum": [*schema["enum"], None]} if "enum" in schema else {})}


def kubernetes_fields(kind: str, version: str = NEWEST) -> list[str]:
    """The fields of a type of the Kubernetes API, from the schemas of the package kubernetes-validate."""
    file = KUBERNETES / f"v{version}.0-local" / f"{kind.lower()}-v1.json"
    return sorted(json.loads(file.read_text())["properties"])


def kubernetes(kind: str, *, in_list: bool) -> dict[str, Any]:
    """The part of a schema for the fields of a type of the Kubernetes API."""
    if kind == "ResourceRequirements":  # the only type without further fields
        hints = {name: f"in requests or limits, as {{limits: {{{name}: QUANTITY}}}}" for name in RESOURCE_NAMES}
        known = {"limits": QUANTITIES, "requests": QUANTITIES, "claims": {"type": ["array", "null"]}}
        return {"properties": known, "additionalProperties": False, "x-elsewhere": hints}
    properties: dict[str, Any] = {}
    for name in kubernetes_fields(kind):
        inner, is_list = NESTED.get(name, (None, False))
        schema = {} if inner is None else {"type": "object", **kubernetes(inner, in_list=is_list)}
        if inner and not is_list:
            schema["properties"] = {**schema["properties"], "$patch": {}}  # it may be merged
        properties[name] = schema and _or_null({"type": "array", "items": schema} if is_list else schema)
    if kind == "Toleration":
        properties["effect"] = {"enum": [*TAINT_EFFECTS, "", None]}
    if kind == "Container":
        properties["name"] = {"type": "string"}
    required = {"required": ["name"]} if kind == "Container" and in_list else {}
    return {"properties": properties, **required, "x-near": True, "$comment": f"Fields of Kubernetes {NEWEST}"}


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _is_open(value: dict[str, Any]) -> bool:
    return bool(value.get("open"))


def page() -> str:
    """The content of VALUES.md."""
    found = definitions()
    parts = [
        "# The values of each template\n",
        "`make golden` makes this page from [values.yaml](values.yaml); edit that file.\n",
    ]
    for template in shipped():
        notes = f"The other values are those of [every template](#every-template). {found[template]['notes']}"
        parts += [f"## {template}\n", f"{found[template]['about']}\n", _table(found[template]["values"]), f"{notes}\n"]
    parts += ["## Every template\n", _table(found["shared"])]
    parts += [
        "A value of these tables that is null and not required leaves the field out, and the default of Kubernetes "
        "applies. This is not so for null inside a list or a mapping.\n",
        "**open**: the value becomes part of the manifest unchanged. It can change the permissions of the Job: its "
        "image, its user, its volumes. Write it in the DAG; do not fill it from an XCom or a param that others can "
        "set.\n",
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
    """The content of each generated file."""
    return {PAGE: page()} | {TEMPLATES / f"{template}.schema.json": schema(template) for template in shipped()}


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content)
