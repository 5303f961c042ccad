"""Imitates label and field selectors, as `kubectl --selector` and `--field-selector` send them."""

from __future__ import annotations

import re
from collections.abc import Callable

from localgke.errors import ApiError
from localgke.resources import Resource
from localgke.store import Object

Matches = Callable[[Object], bool]

REQUIREMENT = re.compile(
    r"\s*(?:"
    r"(?P<key>[\w./-]+)\s*(?P<operator>=|==|!=)\s*(?P<value>[\w.-]*)"
    r"|(?P<set_key>[\w./-]+)\s+(?P<set_operator>in|notin)\s*\((?P<values>[^()]*)\)"
    r"|(?P<absent>!?)\s*(?P<bare_key>[\w./-]+)"
    r")\s*"
)
COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^()]*\))")
# The fields of field selectors besides name and namespace: those that kubectl itself uses.
FIELDS = {
    "pods": ("spec.nodeName", "status.phase"),
    "events": ("reason", "type", *(f"involvedObject.{field}" for field in ("kind", "namespace", "name", "uid"))),
}


def selector(resource: Resource, labels: str, fields: str) -> Matches:
    """Returns a predicate of both selectors; an empty selector matches all objects. Raises BadRequest."""
    tests = [_label_test(part) for part in COMMA_OUTSIDE_PARENTHESES.split(labels) if labels.strip()]
    tests += [_field_test(resource, part, fields) for part in fields.split(",") if fields.strip()]
    return lambda obj: all(test(obj) for test in tests)


def _label_test(text: str) -> Matches:
    match = REQUIREMENT.fullmatch(text)
    if not match:
        raise ApiError(
            "BadRequest", f'unable to parse requirement: found "{text.strip()}", a label selector is expected'
        )
    if match["bare_key"]:
        return lambda obj: (match["bare_key"] in _labels(obj)) != bool(match["absent"])
    key = match["key"] or match["set_key"]
    values = {match["value"]} if match["key"] else {value.strip() for value in match["values"].split(",")}
    # `!=` and `notin` also match objects without the label
    if (match["operator"] or match["set_operator"]) in ("!=", "notin"):
        return lambda obj: _labels(obj).get(key) not in values
    return lambda obj: _labels(obj).get(key) in values


def _labels(obj: Object) -> dict[str, str]:
    labels: dict[str, str] = obj["metadata"].get("labels", {})
    return labels


def _field_test(resource: Resource, text: str, whole: str) -> Matches:
    match = re.fullmatch(r"\s*([\w.]+)(==|!=|=)(.*)", text)
    if not match:
        raise ApiError("BadRequest", f'invalid field selector: "{text}"; can\'t understand "{text}"')
    field, operator, value = match.groups()
    if field not in ("metadata.name", "metadata.namespace", *FIELDS.get(resource.plural, ())):
        raise ApiError(
            "BadRequest",
            f'Unable to find "{resource.api_version}, Resource={resource.plural}" that match label selector "", '
            f'field selector "{whole}": field label not supported: {field}',
        )
    return lambda obj: (_field(obj, field) == value) == (operator != "!=")


def _field(obj: Object, path: str) -> str:
    value: object = obj
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)
