"""What a request is, what a fault is, and which fault strikes which request. No input, no output."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

KINDS = ("any", "discovery", "log", "read", "get", "list", "watch", "write", "create", "update", "patch", "delete")

# What a fault does, with the pattern of its value.
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
REACH_STREAMS = ("drop", "gone", "end", "blackhole")  # those that can strike what is already running
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
    """A text that is not a fault; the message is one line."""


@dataclass(frozen=True)
class Request:
    """A request to the Kubernetes API in its own terms; `verb` is empty for what is not about objects: discovery."""

    path: str
    verb: str = ""
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""

    @classmethod
    def of(cls, method: str, path: str, query: Mapping[str, str]) -> Request:
        """The request with that HTTP method and path."""
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
        """All of KINDS that it is."""
        finer = {self.verb} if self.kind in ("read", "write") else set()
        return {"any", self.kind, *finer}

    @property
    def is_stream(self) -> bool:
        """Whether its answer may take for ever."""
        return self.kind in ("watch", "log")


@dataclass
class Fault:
    """What happens to which requests. `left`: how many it still strikes; `now`: only those that are running."""

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
        """Reads one fault. Raises FaultError for a text that is none."""
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
        """Whether it strikes that request, which just comes in or is a `running` stream."""
        if self.left == 0 or self.kind not in request.kinds or not re.search(self.path, request.path):
            return False
        if running:
            return self.action in REACH_STREAMS and not (self.action == "gone" and request.kind == "log")
        if self.now or (self.action == "end" and not request.is_stream):
            return False
        return not (self.code == 403 and request.kind == "discovery")  # every role of a real cluster allows it


def strike(faults: Iterable[Fault], request: Request, *, running: bool = False) -> Fault | None:
    """The first fault that concerns a request: it has struck once more."""
    for fault in faults:
        if fault.concerns(request, running=running):
            fault.left -= 1
            return fault
    return None
