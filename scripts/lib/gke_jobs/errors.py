"""What an error of the API server, of kubectl, of its credential plugin or of gcloud means, and what to do."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from gke_jobs import exit_codes
from gke_jobs.error_rules import BY_CODE, RULES, WORDS
from gke_jobs.error_rules import Verdict as Verdict
from gke_jobs.plain_text import one_line


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


CODES = {  # of a reason, where kubectl prints no code
    **{"Unauthorized": 401, "Forbidden": 403, "NotFound": 404, "MethodNotAllowed": 405, "AlreadyExists": 409},
    **{"Conflict": 409, "Gone": 410, "Expired": 410, "RequestEntityTooLarge": 413, "UnsupportedMediaType": 415},
    **{"Invalid": 422, "TooManyRequests": 429, "InternalError": 500, "ServiceUnavailable": 503, "Timeout": 504},
    **{"ServerTimeout": 500, "BadRequest": 400, "NotAcceptable": 406, "NotImplemented": 501},
}
EXIT_CODES = {
    Verdict.TRANSIENT: exit_codes.UNREACHABLE,
    Verdict.LOGIN: exit_codes.DENIED,
    Verdict.DENIED: exit_codes.DENIED,
    Verdict.QUOTA: exit_codes.TIMEOUT,
    Verdict.REFUSED: exit_codes.DATA,
    Verdict.EXISTS: exit_codes.DATA,
    Verdict.CONFLICT: exit_codes.DATA,
    Verdict.ABSENT: exit_codes.CONFIG,
    Verdict.EXPIRED: exit_codes.UNREACHABLE,
    Verdict.CONFIG: exit_codes.CONFIG,
    Verdict.USAGE: exit_codes.USAGE,
}
PREFIX = re.compile(r"\A.*?is forbidden: |\Aerror when creating \S+: ", re.DOTALL)
MESSAGE_CHARACTERS = 20_000  # of a message are looked at


def classify(answer: Answer) -> Meaning:
    """Return what an error means."""
    text = answer.message[:MESSAGE_CHARACTERS]
    code = answer.code if answer.code is not None else CODES.get(answer.reason)
    for rule in RULES:
        if (not rule.codes or code in rule.codes) and (match := rule.pattern.search(text)):
            return _meaning(rule.verdict, rule.words, rule.advice, text, match.groups())
    verdict = _by_code(code)
    return _meaning(verdict, *WORDS[verdict], text, ())


def _by_code(code: int | None) -> Verdict:
    if code in BY_CODE:
        return BY_CODE[code]
    return Verdict.REFUSED if code is not None and 400 <= code < 500 else Verdict.TRANSIENT


def _meaning(verdict: Verdict, words: str, advice: str, text: str, groups: tuple[str | None, ...]) -> Meaning:
    message = one_line(PREFIX.sub("", text) if verdict is Verdict.DENIED else text) or "no answer"
    parts = [message, *(one_line(group or "") for group in groups)]
    for number, part in enumerate(parts):
        words = words.replace(f"{{{number}}}", part) if number else words
    # The message last, so that nothing in it is taken for a place to fill.
    before, place, after = words.partition("{0}")
    return Meaning(verdict=verdict, words=before + (message if place else "") + after, advice=advice)


def cause_of_no_pods(message: str) -> Meaning:
    """Return why the Job controller cannot create Pods, from the message of its Event FailedCreate."""
    return classify(Answer(code=403, reason="Forbidden", message=message.removeprefix("Error creating: ")))


def exit_code(verdict: Verdict) -> int:
    """Return the exit code of a script that ends by an error."""
    return EXIT_CODES[verdict]
