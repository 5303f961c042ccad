"""Classifies errors of the API server, kubectl, its credential plugin and gcloud, and advises what to do."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from gke_jobs import exit_codes
from gke_jobs.error_rules import BY_CODE, MESSAGES, RULES
from gke_jobs.error_rules import Verdict as Verdict
from gke_jobs.gcloud_error_rules import GCLOUD_RULES
from gke_jobs.json_access import int_at, text_at
from gke_jobs.plain_text import one_line

BODY_BYTES = 64 << 10  # limit of an answer that is no Status
CREDENTIALS = "getting credentials: "  # the prefix of kubectl's message if the credential plugin failed
PROXY_LINE = re.compile(r"^[IWEF]\d{4} [^\n]*proxy_server\.go:\d+\] [^\n]*\n?", re.MULTILINE)
PLUGIN_LOG = re.compile(r"^F\d{4} [^\]\n]*\] ", re.MULTILINE)  # its process id must not be read as a status code
MARKUP = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An error as received, not sanitized.

    code: HTTP status, None if no server answered; reason: of a Kubernetes Status, may be empty; message: text
    """

    code: int | None
    reason: str
    message: str


class ApiError(Exception):
    """The API server, or a proxy in between, did not fulfil a request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """The meaning of an Answer: the verdict, the message and the advice, each one sanitized line."""

    verdict: Verdict
    message: str
    advice: str


def from_http(code: int, body: bytes, proxy_log: str = "") -> Answer:
    """Return the Answer of an HTTP response of kubectl proxy: a Status of the API server, or text of the proxy itself.

    proxy_log: the end of the stderr of kubectl proxy, which includes the messages of the credential plugin
    """
    try:
        status: Any = json.loads(body)
    except (ValueError, RecursionError):
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return from_status(status, code)
    text = body[:BODY_BYTES].decode(errors="replace").strip()
    if text.startswith(CREDENTIALS):
        text = f"{text} {_plugin_message(proxy_log)}".strip()
    return Answer(code=code, reason="", message=text)


def _plugin_message(proxy_log: str) -> str:
    """Return the messages of the plugin for the last request. They precede the line of kubectl proxy about it."""
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


CODES = {  # by reason, for messages in which kubectl prints no code
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
HINTS = re.compile(  # hints of gcloud, which the advice replaces
    r"\n(?:Please run:\s+\$ gcloud |If you would like to report this issue|To set your project, run:|"
    r"To search the help text of gcloud|Usage: gcloud ).*",
    re.DOTALL,
)
SUBJECT = re.compile(r"\A[\w./-]+(?: \"[^\"]*\")? is forbidden: ")
NO_PODS = (  # the beginnings of the message of an Event FailedCreate, and the code of each
    (re.compile(r"Internal error occurred: "), 500),
    (re.compile(r"[\w./-]+(?: \"[^\"]*\")? is forbidden: "), 403),
    (re.compile(r"(?:The )?[\w./-]+ \"[^\"]*\" is invalid: "), 422),
)
LOGIN_SECONDS = 10.0  # for retries of a failed login: a metadata server or a credential plugin may fail once
MESSAGE_CHARACTERS = 20_000  # of a message are examined
PLACE = re.compile(r"\{(\d)\}")


def classify(answer: Answer) -> Meaning:
    """Return the meaning of an error."""
    text = answer.message[:MESSAGE_CHARACTERS]
    code = answer.code if answer.code is not None else CODES.get(answer.reason)
    rules = GCLOUD_RULES.get(answer.reason, ()) if answer.reason.startswith("gcloud ") else RULES
    for rule in rules:
        if (not rule.codes or code in rule.codes) and (match := re.search(rule.pattern, text, re.DOTALL)):
            return _meaning(rule.verdict, rule.message, rule.advice, text, match.groups())
    verdict = _by_code(code)
    return _meaning(verdict, *MESSAGES[verdict], text, ())


def _by_code(code: int | None) -> Verdict:
    if code in BY_CODE:
        return BY_CODE[code]
    return Verdict.REFUSED if code is not None and 400 <= code < 500 else Verdict.TRANSIENT


def _meaning(verdict: Verdict, template: str, advice: str, text: str, groups: tuple[str | None, ...]) -> Meaning:
    if "<html" in text.lower():  # an answer of a load balancer
        text = MARKUP.sub(" ", text)
    text = HINTS.sub("", CREATING.sub("", text))
    message = one_line(SUBJECT.sub("", text) if verdict is Verdict.DENIED else text) or "no answer"
    parts = [message, *(one_line(group or "") for group in groups)]
    template, advice = (PLACE.sub(lambda place: parts[int(place[1])], sentence) for sentence in (template, advice))
    return Meaning(verdict=verdict, message=template, advice=advice)


def explain_pod_creation_failure(message: str) -> Meaning:
    """Return why the Job controller cannot create Pods, from the message of its Event FailedCreate."""
    message = message.removeprefix("Error creating: ")
    code = next((code for begin, code in NO_PODS if begin.match(message)), None)
    return classify(Answer(code=code, reason="", message=message))


def sentence(meaning: Meaning) -> str:
    """Return message and advice, to follow `cannot WHAT: `."""
    joint = "; " if ": " in meaning.message else ": "
    return f"{meaning.message}{joint}{meaning.advice}"


def exit_code(verdict: Verdict) -> int:
    """Return the exit code of a script that ends with this error."""
    return EXIT_CODES[verdict]
