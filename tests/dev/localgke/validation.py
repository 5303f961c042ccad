"""Imitates the API server's validation of names and other texts, and its error messages."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from localgke.errors import ApiError
from localgke.resources import Resource
from localgke.store import Object

ANNOTATIONS_BYTES = 256 * 1024


class Format(NamedTuple):
    """The format of a text, and the API server's message for a text that does not match it."""

    pattern: str
    said: str
    length: int | None = 63


def _format(pattern: str, rule: str, *examples: str, length: int = 63) -> Format:
    given = "".join(f"'{example}',  or " for example in examples[:-1]) + f"'{examples[-1]}', "
    return Format(pattern, f"{rule} (e.g. {given}regex used for validation is '{pattern}')", length)


DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_SUBDOMAIN = rf"{DNS_LABEL}(\.{DNS_LABEL})*"
KEY_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
KEY_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
FORMATS = {
    "DnsLabel": _format(
        DNS_LABEL,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character",
        "my-name",
        "123-abc",
    ),
    "DnsSubdomain": _format(
        DNS_SUBDOMAIN,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character",
        "example.com",
        length=253,
    ),
    "LabelKey": _format(KEY_NAME, f"name part {KEY_RULE}", "MyName", "my.name", "123-abc"),
    "LabelValue": _format(
        f"({KEY_NAME})?",
        f"a valid label must be an empty string or {KEY_RULE.removeprefix('must ')}",
        "MyValue",
        "my_value",
        "12345",
    ),
    "Base64": Format("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?", "illegal base64 data", None),
    "Quantity": Format(
        r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?",
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        None,
    ),
}
NOT_DECODED = ("Base64", "Quantity")  # an invalid text of these types makes the body unreadable


class Findings:
    """The errors in an object, which the API server reports all together."""

    def __init__(self) -> None:
        self._causes: list[dict[str, str]] = []

    def add(self, reason: str, field: str, message: str) -> None:
        self._causes.append({"reason": f"FieldValue{reason}", "message": message, "field": field})

    def invalid(self, field: str, value: object, why: str) -> None:
        """Adds an invalid value; None: the API server does not print it."""
        self.add("Invalid", field, "Invalid value: " + ("" if value is None else f"{_text(value)}: ") + why)

    def required(self, field: str, why: str = "") -> None:
        self.add("Required", field, "Required value" + (f": {why}" if why else ""))

    def one_of(self, field: str, value: str, supported: list[str]) -> None:
        """Checks a value of which Kubernetes may support more than the stand-in."""
        if value not in supported:
            self._not_supported(field, value, sorted(supported), "; localgke does not imitate any other")

    def supported(self, field: str, value: str | None, supported: list[str]) -> None:
        """Checks a value of which all possible values are imitated; None: a required value is missing."""
        if value is None:
            self.required(field, f"valid values: [{' '.join(map(_text, supported))}]")
        elif value not in supported:
            self._not_supported(field, value, supported)

    def _not_supported(self, field: str, value: str, supported: list[str], more: str = "") -> None:
        listed = ", ".join(map(_text, supported))
        self.add("NotSupported", field, f"Unsupported value: {_text(value)}: supported values: {listed}{more}")

    def duplicate(self, field: str, value: object) -> None:
        self.add("Duplicate", field, f"Duplicate value: {_text(value)}")

    def forbidden(self, field: str, why: str) -> None:
        self.add("Forbidden", field, f"Forbidden: {why}")

    def at_most(self, field: str, items: list[object], number: int) -> None:
        if len(items) > number:
            self.add("TooMany", field, f"Too many: {len(items)}: must have at most {number} items")

    def matches(self, field: str, value: str, format_: Format) -> None:
        if format_.length is not None and len(value) > format_.length:
            self.invalid(field, value, f"must be no more than {format_.length} bytes")
        if not re.fullmatch(format_.pattern, value):
            self.invalid(field, value, format_.said)

    def label_key(self, field: str, key: str) -> None:
        """Checks a label key, or another qualified name: an optional DNS subdomain, `/` and a name."""
        prefix, slash, name = key.rpartition("/")
        if "/" in prefix:
            said = FORMATS["LabelKey"].said.removeprefix("name part ")
            more = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            self.invalid(field, key, f"a valid label key {said} {more}")
            return
        if slash and not re.fullmatch(FORMATS["DnsSubdomain"].pattern, prefix):
            self.invalid(field, key, f"prefix part {FORMATS['DnsSubdomain'].said if prefix else 'must be non-empty'}")
        if not name:
            self.invalid(field, key, "name part must be non-empty")
        if len(name) > 63:
            self.invalid(field, key, "name part must be no more than 63 bytes")
        if not re.fullmatch(FORMATS["LabelKey"].pattern, name):
            self.invalid(field, key, FORMATS["LabelKey"].said)

    def at_least_zero(self, field: str, value: int) -> None:
        if value < 0:
            self.invalid(field, value, "must be greater than or equal to 0")

    def unchanged(self, field: str, old: object, new: object) -> None:
        if old != new:
            self.add("Invalid", field, f"Invalid value: {_text(new)}: field is immutable")

    def metadata(self, path: str, meta: Object) -> None:
        """Checks the labels and annotations of an object or of a Pod template."""
        for key, value in meta.get("labels", {}).items():
            self.label_key(f"{path}.labels", key)
            self.matches(f"{path}.labels", value, FORMATS["LabelValue"])
        for key in meta.get("annotations", {}):
            self.label_key(f"{path}.annotations", key.lower())
        if sum(len(text.encode()) for pair in meta.get("annotations", {}).items() for text in pair) > ANNOTATIONS_BYTES:
            self.add("TooLong", f"{path}.annotations", f"Too long: may not be more than {ANNOTATIONS_BYTES} bytes")

    def raise_any(self, resource: Resource, obj: Object) -> None:
        """Raises Invalid if anything was found in the object."""
        if not self._causes:
            return
        texts = list(dict.fromkeys(f"{cause['field']}: {cause['message']}" for cause in self._causes))
        listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        name, kind, group = obj["metadata"].get("name", ""), resource.kind, resource.group
        message = f'{f"{kind}.{group}".rstrip(".")} "{name}" is invalid: {listed}'
        raise ApiError("Invalid", message, name=name, group=group, kind=kind, causes=self._causes)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
