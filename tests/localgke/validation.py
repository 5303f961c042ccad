"""Imitates the API server's checks of names and other texts, and how it reports what it finds."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from localgke.errors import ApiError
from localgke.resources import Resource
from localgke.store import Object

ANNOTATIONS_BYTES = 256 * 1024


class Format(NamedTuple):
    """How a text must look: `rule` is what the API server says of it, before the pattern."""

    pattern: str
    rule: str
    length: int | None = 63


DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_SUBDOMAIN = rf"{DNS_LABEL}(\.{DNS_LABEL})*"
FORMATS = {
    "DnsLabel": Format(
        DNS_LABEL,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character",
    ),
    "DnsSubdomain": Format(
        DNS_SUBDOMAIN,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character",
        253,
    ),
    "LabelKey": Format(
        rf"({DNS_SUBDOMAIN}/)?[A-Za-z0-9]([-\w.]{{,61}}[A-Za-z0-9])?",
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
        "alphanumeric character",
        317,
    ),
    "LabelValue": Format(
        r"([A-Za-z0-9]([-\w.]*[A-Za-z0-9])?)?",
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
        "and end with an alphanumeric character",
    ),
    "Base64": Format("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?", "illegal base64 data", None),
    "Quantity": Format(
        r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?", "quantities must be a number and a suffix"
    ),
}


class Findings:
    """What is wrong with one object; the API server reports all of it at once."""

    def __init__(self) -> None:
        self._causes: list[dict[str, str]] = []

    def add(self, reason: str, field: str, message: str) -> None:
        self._causes.append({"reason": f"FieldValue{reason}", "message": message, "field": field})

    def invalid(self, field: str, value: object, why: str) -> None:
        self.add("Invalid", field, f"Invalid value: {json.dumps(value)}: {why}")

    def required(self, field: str, why: str = "") -> None:
        self.add("Required", field, "Required value" + (f": {why}" if why else ""))

    def one_of(self, field: str, value: str, supported: list[str]) -> None:
        if value not in supported:
            listed = ", ".join(f'"{item}"' for item in sorted(supported))
            why = f'Unsupported value: "{value}": supported values: {listed}; localgke does not imitate any other'
            self.add("NotSupported", field, why)

    def exactly_one(self, field: str, obj: Object, names: tuple[str, ...]) -> None:
        if sum(name in obj for name in names) != 1:
            self.invalid(field, "", f"must specify one of: {', '.join(names)}")

    def matches(self, field: str, value: str, format_: Format) -> None:
        if format_.length is not None and len(value) > format_.length:
            self.invalid(field, value, f"must be no more than {format_.length} bytes")
        elif not re.fullmatch(format_.pattern, value):
            self.invalid(field, value, f"{format_.rule} (regex used for validation is '{format_.pattern}')")

    def between(self, field: str, value: int, low: int, high: int) -> None:
        if not low <= value <= high:
            self.invalid(field, value, f"must be between {low} and {high}, inclusive")

    def unchanged(self, field: str, old: object, new: object) -> None:
        if old != new:
            self.invalid(field, new, "field is immutable")

    def metadata(self, path: str, meta: Object) -> None:
        """The labels and annotations of an object or of a Pod template."""
        for key in meta.get("labels", {}):
            self.matches(f"{path}.labels", key, FORMATS["LabelKey"])
        for key in meta.get("annotations", {}):
            self.matches(f"{path}.annotations", key.lower(), FORMATS["LabelKey"])
        if sum(len(text.encode()) for pair in meta.get("annotations", {}).items() for text in pair) > ANNOTATIONS_BYTES:
            self.add("TooLong", f"{path}.annotations", f"Too long: may not be more than {ANNOTATIONS_BYTES} bytes")

    def raise_any(self, resource: Resource, obj: Object) -> None:
        """Raises Invalid if anything was found in the object."""
        if not self._causes:
            return
        texts = [f"{cause['field']}: {cause['message']}" for cause in self._causes]
        listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        name, kind, group = obj["metadata"].get("name", ""), resource.kind, resource.group
        message = f'{f"{kind}.{group}".rstrip(".")} "{name}" is invalid: {listed}'
        raise ApiError("Invalid", message, name=name, group=group, kind=kind, causes=self._causes)
