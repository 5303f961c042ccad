"""What an error of the API server, of kubectl, of its credential plugin or of gcloud means, and what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Verdict(Enum):
    """What to do about an error."""

    TRANSIENT = "transient"  # try again, for --unreachable-timeout; then 69
    LOGIN = "login"  # authentication failed, which passes sometimes: try again for a short time; then 77
    DENIED = "denied"  # no Role with that verb: 77
    QUOTA = "quota"  # a ResourceQuota is used up: try again, for --schedule-timeout
    REFUSED = "refused"  # the manifest is invalid, or a policy or webhook denies it: 65
    EXISTS = "exists"  # an object of that name is there already
    CONFLICT = "conflict"  # another object has that name, or it has changed meanwhile
    ABSENT = "absent"  # no such object
    EXPIRED = "expired"  # the resourceVersion of a watch is too old: list again
    CONFIG = "config"  # a tool, the namespace, the certificate authority: 78
    USAGE = "usage"  # a context that does not exist: 64


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An error as it came, not sanitized.

    code: HTTP status, None where no server answered; reason: of a Kubernetes Status, may be empty; message: text
    """

    code: int | None
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What an Answer means: the verdict, the words for it and the advice, each one sanitized line."""

    verdict: Verdict
    words: str
    advice: str


def from_http(code: int, body: bytes, proxy_log: str = "") -> Answer:
    """Return the Answer of an HTTP response of kubectl proxy: a Status of the API server, or text of the proxy itself.

    proxy_log: the end of what kubectl proxy wrote to stderr, where the credential plugin leaves its own words
    """
    try:
        status: Any = json.loads(body)
    except (ValueError, RecursionError):
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return from_status(status, code)
    return Answer(code=code, reason="", message=f"{body.decode(errors='replace')} {proxy_log}".strip())


def from_status(status: dict[str, Any], code: int | None = None) -> Answer:
    """Return the Answer of a Kubernetes Status object."""
    given = status.get("code")
    return Answer(
        code=given if isinstance(given, int) else code,
        reason=str(status.get("reason") or ""),
        message=str(status.get("message") or ""),
    )


def classify(answer: Answer) -> Meaning:
    """Return what an error means."""
    raise NotImplementedError


def cause_of_no_pods(message: str) -> Meaning:
    raise NotImplementedError


def exit_code(verdict: Verdict) -> int:
    raise NotImplementedError
