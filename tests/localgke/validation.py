"""Imitates the API server's checks that all objects share, and how it reports what it finds."""

from __future__ import annotations

import json
import re

from localgke.errors import ApiError
from localgke.resources import Resource
from localgke.store import Object

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_KEY = re.compile(rf"({SUBDOMAIN.pattern}/)?(?=.{{1,63}}$)[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    f"'{SUBDOMAIN.pattern}')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL.pattern}')"
)
LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{LABEL_VALUE.pattern}')"
)
ANNOTATIONS_BYTES = 256 * 1024


class Findings:
    """What is wrong with one object; the API server reports all of it at once."""

    def __init__(self, resource: Resource, obj: Object):
        self._resource, self._name = resource, obj["metadata"].get("name", "")
        self._causes: list[dict[str, str]] = []

    def add(self, reason: str, field: str, message: str) -> None:
        self._causes.append({"reason": f"FieldValue{reason}", "message": message, "field": field})

    def invalid(self, field: str, value: object, why: str) -> None:
        self.add("Invalid", field, f"Invalid value: {json.dumps(value)}: {why}")

    def required(self, field: str, why: str = "") -> None:
        self.add("Required", field, "Required value" + (f": {why}" if why else ""))

    def one_of(self, field: str, value: object, supported: tuple[str, ...]) -> None:
        if value not in supported:
            listed = ", ".join(f'"{item}"' for item in sorted(supported))
            self.add("NotSupported", field, f"Unsupported value: {json.dumps(value)}: supported values: {listed}")

    def matches(self, field: str, value: str, pattern: re.Pattern[str], rule: str, length: int = 63) -> None:
        if len(value) > length:
            self.invalid(field, value, f"must be no more than {length} bytes")
        elif not pattern.fullmatch(value):
            self.invalid(field, value, rule)

    def not_negative(self, field: str, value: int | None) -> None:
        if value is not None and value < 0:
            self.invalid(field, value, "must be greater than or equal to 0")

    def unchanged(self, field: str, old: object, new: object) -> None:
        if old != new:
            self.invalid(field, new, "field is immutable")

    def raise_any(self) -> None:
        """Raises Invalid if anything was found."""
        if not self._causes:
            return
        texts = [f"{cause['field']}: {cause['message']}" for cause in self._causes]
        listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        kind = f"{self._resource.kind}.{self._resource.group}".rstrip(".")
        raise ApiError(
            "Invalid",
            f'{kind} "{self._name}" is invalid: {listed}',
            name=self._name,
            group=self._resource.group,
            kind=self._resource.kind,
            causes=self._causes,
        )


def check_metadata(findings: Findings, meta: Object, resource: Resource) -> None:
    """Name, labels and annotations of any object."""
    name = meta.get("name", "")
    if not name:
        findings.required("metadata.name", "name or generateName is required")
    elif resource.plural in ("services", "namespaces"):
        findings.matches("metadata.name", name, LABEL, LABEL_RULE)
    else:
        findings.matches("metadata.name", name, SUBDOMAIN, SUBDOMAIN_RULE, length=253)
    check_labels(findings, "metadata", meta)


def check_labels(findings: Findings, path: str, meta: Object) -> None:
    """The labels and annotations of an object or of a Pod template."""
    for key, value in meta.get("labels", {}).items():
        check_label_key(findings, f"{path}.labels", key)
        findings.matches(f"{path}.labels", value, LABEL_VALUE, LABEL_VALUE_RULE)
    annotations = meta.get("annotations", {})
    for key in annotations:
        check_label_key(findings, f"{path}.annotations", key.lower())
    if sum(len(text.encode()) for pair in annotations.items() for text in pair) > ANNOTATIONS_BYTES:
        findings.add("TooLong", f"{path}.annotations", f"Too long: may not be more than {ANNOTATIONS_BYTES} bytes")


def check_label_key(findings: Findings, field: str, key: str) -> None:
    """A key of labels, annotations or a node selector."""
    if not LABEL_KEY.fullmatch(key):
        findings.invalid(
            field,
            key,
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        )
