"""What an error of the API server, of kubectl, of its credential plugin or of gcloud means, and what to do."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from gke_jobs import exit_codes
from gke_jobs.error_rules import BY_CODE, RULES, WORDS
from gke_jobs.error_rules import Verdict as Verdict
from gke_jobs.gcloud_error_rules import GCLOUD_RULES
from gke_jobs.json_access import int_at, text_at
from gke_jobs.plain_text import one_line

BODY_BYTES = 64 << 10  # of an answer that is no Status
CREDENTIALS = "getting credentials: "  # how kubectl begins when it is the credential plugin that has failed
PROXY_LINE = re.compile(r"^[IWEF]\d{4} [^\n]*proxy_server\.go:\d+\] [^\n]*\n?", re.MULTILINE)
PLUGIN_LOG = re.compile(r"^F\d{4} [^\]\n]*\] ", re.MULTILINE)  # the number of a process is no status code
MARKUP = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An error as it came, not sanitized.

    code: HTTP status, None where no server answered; reason: of a Kubernetes Status, may be empty; message: text
    """

    code: int | None
    reason: str
    message: str


class ApiError(Exception):
    """The API server, or what is on the way to it, did not give what was asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


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
    text = body[:BODY_BYTES].decode(errors="replace").strip()
    if text.startswith(CREDENTIALS):
        text = f"{text} {_plugin_words(proxy_log)}".strip()
    return Answer(code=code, reason="", message=text)


def _plugin_words(proxy_log: str) -> str:
    """Return what the plugin has written for the last request: before the line of kubectl proxy about it."""
    parts = [part.strip() for part in PROXY_LINE.split(PLUGIN_LOG.sub("", proxy_log))]
    return next((part for part in reversed(parts) if part), "")


def from_status(status: dict[str, Any], code: int | None = None) -> Answer:
    """Return the Answer of a Kubernetes Status object."""
    reason = text_at(status, "reason")
    return Answer(
        code=int_at(status, "code") or code,
        reason=reason if reason.isalnum() else "",
        message=text_at(status, "message"),
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
CREATING = re.compile(r"\A(?:The request is invalid: )?error when creating \"[^\"]*\": ")
HINTS = re.compile(  # of gcloud; the advice says it better
    r"\n(?:Please run:\s+\$ gcloud |If you would like to report this issue|To set your project, run:|"
    r"To search the help text of gcloud|Usage: gcloud ).*",
    re.DOTALL,
)
SUBJECT = re.compile(r"\A[\w./-]+(?: \"[^\"]*\")? is forbidden: ")
NO_PODS = (  # what the message of an Event FailedCreate begins with, and the code that it had
    (re.compile(r"Internal error occurred: "), 500),
    (re.compile(r"[\w./-]+(?: \"[^\"]*\")? is forbidden: "), 403),
    (re.compile(r"(?:The )?[\w./-]+ \"[^\"]*\" is invalid: "), 422),
)
LOGIN_SECONDS = 10.0  # a failure to log in passes sometimes: a metadata server, or a credential plugin, that fails once
MESSAGE_CHARACTERS = 20_000  # of a message are looked at
PLACE = re.compile(r"\{(\d)\}")


def classify(answer: Answer) -> Meaning:
    """Return what an error means."""
    text = answer.message[:MESSAGE_CHARACTERS]
    code = answer.code if answer.code is not None else CODES.get(answer.reason)
    rules = GCLOUD_RULES.get(answer.reason, ()) if answer.reason.startswith("gcloud ") else RULES
    for rule in rules:
        if (not rule.codes or code in rule.codes) and (match := re.search(rule.pattern, text, re.DOTALL)):
            return _meaning(rule.verdict, rule.words, rule.advice, text, match.groups())
    verdict = _by_code(code)
    return _meaning(verdict, *WORDS[verdict], text, ())


def _by_code(code: int | None) -> Verdict:
    if code in BY_CODE:
        return BY_CODE[code]
    return Verdict.REFUSED if code is not None and 400 <= code < 500 else Verdict.TRANSIENT


def _meaning(verdict: Verdict, words: str, advice: str, text: str, groups: tuple[str | None, ...]) -> Meaning:
    if "<html" in text.lower():  # of a load balancer
        text = MARKUP.sub(" ", text)
    text = HINTS.sub("", CREATING.sub("", text))
    message = one_line(SUBJECT.sub("", text) if verdict is Verdict.DENIED else text) or "no answer"
    parts = [message, *(one_line(group or "") for group in groups)]
    words, advice = (PLACE.sub(lambda place: parts[int(place[1])], sentence) for sentence in (words, advice))
    return Meaning(verdict=verdict, words=words, advice=advice)


def cause_of_no_pods(message: str) -> Meaning:
    """Return why the Job controller cannot create Pods, from the message of its Event FailedCreate."""
    message = message.removeprefix("Error creating: ")
    code = next((code for begin, code in NO_PODS if begin.match(message)), None)
    return classify(Answer(code=code, reason="", message=message))


def sentence(meaning: Meaning) -> str:
    """Return words and advice as the rest of `cannot WHAT: `."""
    joint = "; " if ": " in meaning.words else ": "
    return f"{meaning.words}{joint}{meaning.advice}"


def exit_code(verdict: Verdict) -> int:
    """Return the exit code of a script that ends by an error."""
    return EXIT_CODES[verdict]
