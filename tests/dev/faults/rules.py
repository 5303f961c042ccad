"""Requests, faults, and which fault applies to which request. No I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

KINDS = ("any", "discovery", "log", "read", "get", "list", "watch", "write", "create", "update", "patch", "delete")

# The actions of faults, each with the pattern of its value.
ACTIONS = {
    "refuse": "",
    "drop": r"(?:=(?P<bytes>\d+))?",
    "lose": "",
    "status": "=(?P<code>401|403|429|500|503|504)",
    "gone": "",
    "end": "",
    "delay": r"=(?P<seconds>\d+(?:\.\d+)?)",
    "blackhole": "",
}
REACH_STREAMS = ("drop", "gone", "end", "blackhole")  # the actions that apply to running streams
USAGE = (
    f"[KIND[/PATH]:]ACTION[:TIMES|:now]; KIND is one of {' '.join(KINDS)}; "
    f"ACTION is refuse, drop[=BYTES], lose, status=401|403|429|500|503|504, gone, end, delay=SECONDS or blackhole; "
    f"refuse stands alone, and now goes with {', '.join(REACH_STREAMS)}"
)
FAULT = re.compile(
    rf"(?:(?P<kind>{'|'.join(KINDS)})(?P<path>/.*)?:)?"
    rf"(?:{'|'.join(f'(?P<{name}>{name}){value}' for name, value in ACTIONS.items())})"
    r"(?::(?:(?P<times>[1-9]\d*)|(?P<now>now)))?"
)
OBJECTS = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>.+))?)?"
)
WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class FaultError(Exception):
    """A text is not a fault; the message is one line."""


@dataclass(frozen=True)
class Request:
    """A request in the terms of the Kubernetes API; `verb` is empty for discovery, which is not about objects."""

    path: str
    verb: str = ""
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""

    @classmethod
    def of(cls, method: str, path: str, query: Mapping[str, str]) -> Request:
        """Returns the request with an HTTP method, path and query."""
        match = OBJECTS.fullmatch(path)
        if match is None:
            return cls(path)
        part = {key: value or "" for key, value in match.groupdict().items()}
        verb = WRITES.get(method) or ("get" if part["name"] else "list")
        if verb in ("get", "list") and query.get("watch") in ("1", "true"):
            verb = "watch"
        resource = "/".join(filter(None, (part["resource"], part["subresource"])))
        return cls(path, verb, part["group"], resource, part["namespace"], part["name"])

    @property
    def kind(self) -> str:
        """One of discovery, log, read, watch, write."""
        if self.resource == "pods/log":
            return "log"
        if self.verb in ("get", "list"):
            return "read"
        return "write" if self.verb in WRITES.values() else self.verb or "discovery"

    @property
    def kinds(self) -> set[str]:
        """All KINDS that match the request."""
        finer = {self.verb} if self.kind in ("read", "write") else set()
        return {"any", self.kind, *finer}

    @property
    def is_stream(self) -> bool:
        """Whether its answer may be endless."""
        return self.kind in ("watch", "log")


@dataclass
class Fault:
    """A fault of some requests. `left`: to how many requests it still applies; `now`: only to running streams."""

    kind: str
    path: str
    action: str
    now: bool
    left: float
    bytes: int = 0
    code: int = 0
    seconds: float = 0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Parses a fault. Raises FaultError."""
        match = FAULT.fullmatch(text)
        if match is None:
            raise FaultError(f"{text!r} is not a fault: {USAGE}")
        part = match.groupdict()
        action = next(name for name in ACTIONS if part[name])
        if (action == "refuse" and text != "refuse") or (part["now"] and action not in REACH_STREAMS):
            raise FaultError(f"{text!r} is not a fault: {USAGE}")
        try:
            re.compile(part["path"] or "")
        except re.error as error:
            raise FaultError(f"{text!r} is not a fault: its path is no regular expression: {error}") from None
        return cls(
            kind=part["kind"] or "any",
            path=part["path"] or "",
            action=action,
            now=bool(part["now"]),
            left=float(part["times"] or math.inf),
            bytes=int(part["bytes"] or 0),
            code=int(part["code"] or 0),
            seconds=float(part["seconds"] or 0),
        )

    def concerns(self, request: Request, *, running: bool) -> bool:
        """Returns whether it applies to a request, which is new or a `running` stream."""
        if self.left == 0 or self.kind not in request.kinds or not re.search(self.path, request.path):
            return False
        if running:
            return self.action in REACH_STREAMS and not (self.action == "gone" and request.kind == "log")
        if self.now or (self.action == "end" and not request.is_stream):
            return False
        return not (self.code == 403 and request.kind == "discovery")  # every role of a real cluster allows discovery


def strike(faults: Iterable[Fault], request: Request, *, running: bool = False) -> Fault | None:
    """Returns the first fault that applies to a request, and counts it; None without one."""
    for fault in faults:
        if fault.concerns(request, running=running):
            fault.left -= 1
            return fault
    return None
