"""The table of errors: what the text or the status code of an error means, the words for it, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


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
class Rule:
    """What an error means: by its status codes (empty: any), and by what its text has."""

    verdict: Verdict
    codes: frozenset[int] = frozenset()
    pattern: re.Pattern[str]
    words: str  # {0} is the message, {1} ... are the groups of the pattern
    advice: str


def _rule(verdict: Verdict, codes: str, pattern: str, words: str, advice: str) -> Rule:
    return Rule(
        verdict=verdict,
        codes=frozenset(map(int, codes.split())),
        pattern=re.compile(pattern, re.DOTALL),
        words=words,
        advice=advice,
    )


PLUGIN = r"(?:getting credentials|executable .* failed with exit code)"  # of credentials
LOGIN_ADVICE = "try: gcloud auth login, or give the machine a service account; then get credentials anew"
WAIT = "this passes when the cluster, or what is on the way to it, works again"
CORRECT = "correct the template or its values"

# The first rule that fits counts. What has no rule is judged by its status code: `BY_CODE`.
RULES = (
    # admission: any code, for a webhook may give any or none
    _rule(
        Verdict.TRANSIENT,
        "",
        r"failed calling webhook|failed to call webhook",
        "an admission webhook does not answer: {0}",
        WAIT,
    ),
    _rule(
        Verdict.REFUSED,
        "",
        r"admission webhook .* denied the request|ValidatingAdmissionPolicy .* denied request",
        "a policy of the cluster denies it: {0}",
        "change the template or its values, or ask who made the policy",
    ),
    _rule(
        Verdict.CONFIG,
        "403",
        r"because it is being terminated",
        "its namespace is being deleted: {0}",
        "wait until it is gone and create it anew, or give another --namespace",
    ),
    _rule(
        Verdict.QUOTA,
        "403",
        r"exceeded quota|failed quota",
        "a ResourceQuota is used up: {0}",
        "it waits until other Jobs end; else have the quota raised",
    ),
    _rule(
        Verdict.DENIED,
        "403",
        r"cannot (\S+) resource",
        "permission denied: {0}",
        "ask for a Role with that verb in that namespace",
    ),
    _rule(Verdict.REFUSED, "403", r"violates PodSecurity", "Pod Security refuses it: {0}", CORRECT),
    _rule(
        Verdict.REFUSED,
        "403",
        r"(?:minimum|maximum) .* usage per|per (?:Container|Pod) is|limit to request ratio",
        "a LimitRange refuses it: {0}",
        "request what the LimitRange allows (`resources`)",
    ),
    _rule(
        Verdict.CONFIG,
        "403",
        r"service ?account .*not found",
        "its service account is not there: {0}",
        "create it in the Job's namespace, or correct `service_account`",
    ),
    _rule(
        Verdict.CONFIG,
        "403",
        r"\AForbidden\s*\Z",
        "kubectl proxy does not let the request through",
        "report this as a bug of the toolkit",
    ),
    _rule(Verdict.REFUSED, "403", r"is forbidden: (?!User )", "the cluster does not admit it: {0}", CORRECT),
    # credentials
    _rule(
        Verdict.CONFIG,
        "",
        r"executable (\S+) not found|exec: \"?([^\s\"]+)\"?: executable file not found",
        "{1}{2} is not on PATH",
        "gcloud components install gke-gcloud-auth-plugin",
    ),
    _rule(
        Verdict.LOGIN,
        "",
        PLUGIN + r".*(?:active account|auth login|[Rr]eauthenticat|invalid_grant)",
        "not logged in: {0}",
        LOGIN_ADVICE,
    ),
    _rule(
        Verdict.TRANSIENT,
        "",
        PLUGIN + r".*(?:\b50[0234]\b|[Tt]imed? ?out|[Uu]navailable|metadata|refused|reset|resolve)",
        "no credentials could be had: {0}",
        WAIT,
    ),
    _rule(
        Verdict.LOGIN,
        "",
        r"getting credentials|executable .* failed with exit code",
        "not logged in: {0}",
        LOGIN_ADVICE,
    ),
    _rule(Verdict.LOGIN, "401", r"", "not logged in: {0}", LOGIN_ADVICE),
    _rule(
        Verdict.LOGIN,
        "",
        r"Unauthorized|You must be logged in|provide credentials|active account|auth login|[Ii]nvalid authentication",
        "not logged in: {0}",
        LOGIN_ADVICE,
    ),
    # TLS and the network
    _rule(
        Verdict.CONFIG,
        "",
        r"x509:|certificate (?:signed by|verify failed|is not valid|has expired)",
        "the certificate of the cluster does not fit the kubeconfig: {0}",
        "get credentials anew: get-credentials",
    ),
    # objects
    _rule(
        Verdict.CONFIG,
        "404",
        r"namespaces \"([^\"]+)\" not found",
        "namespace {1} does not exist on this cluster",
        "create it, or give another --namespace",
    ),
    _rule(Verdict.ABSENT, "404", r"", "it is not there: {0}", "it was deleted, or its TTL removed it"),
    _rule(Verdict.EXISTS, "409", r"already exists", "{0}", "choose another name, or delete it"),
    _rule(Verdict.CONFLICT, "409", r"", "another object has that name, or it has changed: {0}", "try again"),
    _rule(Verdict.EXPIRED, "410", r"", "the resourceVersion is too old: {0}", "list again"),
    # kubectl itself
    _rule(
        Verdict.USAGE,
        "",
        r"context .*does not exist|context was not found",
        "{0}",
        "see: kubectl config get-contexts",
    ),
    _rule(
        Verdict.TRANSIENT,
        "",
        r"failed to download openapi",
        "the cluster did not answer as expected: {0}",
        WAIT,
    ),
    _rule(
        Verdict.REFUSED,
        "",
        r"error validating|error parsing|unable to decode|unable to recognize|no matches for kind",
        "the manifest was refused: {0}",
        CORRECT,
    ),
)
BY_CODE = {401: Verdict.LOGIN, 403: Verdict.DENIED, 408: Verdict.TRANSIENT, 429: Verdict.TRANSIENT}
WORDS = {
    Verdict.TRANSIENT: ("the cluster did not answer as expected: {0}", WAIT),
    Verdict.LOGIN: ("not logged in: {0}", LOGIN_ADVICE),
    Verdict.DENIED: ("permission denied: {0}", "ask for a Role with that verb in that namespace"),
    Verdict.REFUSED: ("the manifest was refused: {0}", CORRECT),
}
