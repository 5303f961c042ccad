"""The table of errors: the meaning of the text and the status code of an error, its message, and the advice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What to do about an error."""

    TRANSIENT = "transient"  # retry for --unreachable-timeout; then 69
    LOGIN = "login"  # authentication failed, perhaps temporarily: retry for a short time; then 77
    DENIED = "denied"  # no Role with that verb: 77
    QUOTA = "quota"  # a ResourceQuota is used up: retry for --schedule-timeout
    REFUSED = "refused"  # the manifest is invalid, or a policy or webhook denies it: 65
    EXISTS = "exists"  # an object of that name already exists
    CONFLICT = "conflict"  # another object has that name, or the object has changed meanwhile
    ABSENT = "absent"  # no such object
    EXPIRED = "expired"  # the resourceVersion of a watch is too old: list again
    CONFIG = "config"  # a tool, the namespace, the certificate authority: 78
    USAGE = "usage"  # a context that does not exist: 64


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The meaning of errors with these status codes (empty: any; None: no server answered) and a text that matches."""

    verdict: Verdict
    codes: frozenset[int | None] = frozenset()
    pattern: str
    message: str  # the message: {0} is the original one, {1} ... are the groups of the pattern
    advice: str  # with the same placeholders


def rule(verdict: Verdict, codes: str, pattern: str, message: str, advice: str) -> Rule:
    """Return a rule; codes: separated by spaces, `none` where no server answered."""
    return Rule(
        verdict=verdict,
        codes=frozenset(None if code == "none" else int(code) for code in codes.split()),
        pattern=pattern,
        message=message,
        advice=advice,
    )


LOGIN_ADVICE = "run gcloud auth login, or give the machine a service account; then get new credentials"
WAIT = "wait until the cluster and the network to it are available"
CORRECT = "correct the template or its values"
POLICY = "change the template or its values, or ask the owner of the policy"

# The beginning of a text of the API server. Patterns are anchored, because a webhook, a policy or a load balancer may
# quote such a text.
SERVER = r"\A(?:The request is invalid: )?(?:error when creating \"[^\"]*\": )?"
OBJECT = SERVER + r"(?:object is being deleted: )?[\w./-]+ \"[^\"]*\" "
FORBIDDEN = SERVER + r"[\w./-]+(?: \"[^\"]*\")? is forbidden: "
POLICY_DENIES = r"ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request"
# The beginning of an error of kubectl itself, or of kubectl proxy with 500 or 502.
CLIENT = r"\A(?:[Ee]rror: |Unable to connect to the server: )*(?:[A-Z][a-z]+ \"[^\"]*\": )?"
PLUGIN = CLIENT + r"getting credentials: "
# gcloud adds advice to log in to this text, whatever the problem was.
REFRESHING = (
    r"problem refreshing (?:your current )?auth tokens.{1,2000}(?:Max retries exceeded|[Tt]imed? ?out|"
    r"backend_error|internal_failure|server_error|temporarily_unavailable)"
)

# The first rule that matches applies. Errors without a rule are classified by status code: `BY_CODE`.
RULES = (
    # admission: a webhook may give any code or none
    rule(
        Verdict.REFUSED,
        "",
        SERVER + r"(?:admission webhook \"[^\"]*\" denied the request|"
        r"(?:The )?[\w./-]+ \"[^\"]*\" is (?:forbidden|invalid): (?:: )?" + POLICY_DENIES + ")",
        "the manifest was refused: a policy of the cluster denies it: {0}",
        POLICY,
    ),
    rule(
        Verdict.TRANSIENT,
        "500",
        SERVER + r"Internal error occurred: failed (?:calling|to call) webhook",
        "an admission webhook does not answer: {0}",
        WAIT,
    ),
    rule(
        Verdict.CONFIG,
        "403",
        FORBIDDEN + r"unable to create new content in namespace \S{1,300} because it is being terminated",
        "its namespace is being deleted: {0}",
        "wait until it is deleted and create it again, or give another --namespace",
    ),
    rule(
        Verdict.QUOTA,
        "403",
        FORBIDDEN + r"exceeded quota: ",
        "a ResourceQuota is exceeded: {0}",
        "wait until other Jobs end, or have the quota raised",
    ),
    rule(
        Verdict.REFUSED,
        "403",
        FORBIDDEN + r"failed quota: .{1,300}must specify",
        "the manifest was refused: a ResourceQuota requires resources for every container: {0}",
        "set the resources that the message names (`resources`)",
    ),
    rule(
        Verdict.DENIED,
        "403",
        FORBIDDEN + r"User .{1,1000}? cannot ([\w*-]+) resource \"([\w./*-]+)\".{0,300} at the cluster scope",
        "permission denied: {0}",
        "ask for a ClusterRole with the verb {1} on {2}, bound for all namespaces",
    ),
    rule(
        Verdict.DENIED,
        "403",
        FORBIDDEN + r"User .{1,1000}? cannot ([\w*-]+) resource \"([\w./*-]+)\"",
        "permission denied: {0}",
        "ask for a Role with the verb {1} on {2} in that namespace",
    ),
    rule(
        Verdict.REFUSED,
        "403",
        FORBIDDEN + r"violates PodSecurity",
        "the manifest was refused: Pod Security denies it: {0}",
        CORRECT,
    ),
    rule(
        Verdict.REFUSED,
        "403",
        FORBIDDEN + r"\[?(?:(?:minimum|maximum) .{1,300} usage per|[\w./-]+ max limit to request ratio) ",
        "the manifest was refused: a LimitRange denies it: {0}",
        "request what the LimitRange allows (`resources`)",
    ),
    rule(
        Verdict.CONFIG,
        "403",
        FORBIDDEN + r"error looking up service account ",
        "its service account does not exist: {0}",
        "create it in the Job's namespace, or correct `service_account`",
    ),
    rule(
        Verdict.CONFIG,
        "403",
        r"\AForbidden\s*\Z",
        "kubectl proxy rejects the request",
        "report this as a bug of the toolkit",
    ),
    rule(
        Verdict.REFUSED,
        "403",
        FORBIDDEN + r"(?!User )",
        "the manifest was refused: {0}",
        CORRECT,
    ),
    # The API server retries a request that is too large for etcd, with the uid of the first try in the manifest.
    rule(
        Verdict.REFUSED,
        "422",
        r"controller-uid\]: Invalid value: .{1,2000}must be '[0-9a-f-]{36}'.*`selector` not auto-generated",
        "the manifest was refused: it is too large for the cluster, or sets its own selector: {0}",
        "keep it under 1 MiB: put data into a ConfigMap or object storage",
    ),
    # credentials
    rule(
        Verdict.CONFIG,
        "",
        PLUGIN + r"exec: executable (\S{1,300}) not found",
        "{1} is not on PATH",
        "gcloud components install gke-gcloud-auth-plugin",
    ),
    rule(
        Verdict.CONFIG,
        "",
        PLUGIN + r"exec: fork/exec (\S{1,300}): ",
        "the credential plugin cannot be started: {0}",
        "gcloud components install gke-gcloud-auth-plugin, then get new credentials",
    ),
    rule(Verdict.TRANSIENT, "", PLUGIN + r".*" + REFRESHING, "no credentials are available: {0}", WAIT),
    rule(
        Verdict.LOGIN,
        "",
        PLUGIN + r".*(?:active account|auth login|[Rr]eauthenticat|invalid_grant)",
        "not logged in: {0}",
        LOGIN_ADVICE,
    ),
    rule(
        Verdict.TRANSIENT,
        "",
        PLUGIN + r".*(?:\b(?:429|50[0234])\b|[Tt]imed? ?out|deadline|[Uu]navailable|[Mm]etadata ?[Ss]erver|"
        r"refused|reset by|resolv|no such host|\bEOF\b|Max retries exceeded)",
        "no credentials are available: {0}",
        WAIT,
    ),
    rule(Verdict.LOGIN, "", PLUGIN, "not logged in: {0}", LOGIN_ADVICE),
    rule(
        Verdict.LOGIN,
        "401",
        r"",
        "not logged in: the server has asked for the client to provide credentials: {0}",
        LOGIN_ADVICE,
    ),
    rule(
        Verdict.LOGIN,
        "none",
        CLIENT + r"(?:You must be logged in|the server has asked for the client to provide credentials)",
        "not logged in: {0}",
        LOGIN_ADVICE,
    ),
    # TLS and the network
    rule(
        Verdict.CONFIG,
        "500 502 none",
        CLIENT + r"(?:tls: failed to verify certificate|x509: )",
        "the certificate of the cluster does not fit the kubeconfig: {0}",
        "get new credentials: get-credentials",
    ),
    # objects
    rule(
        Verdict.CONFIG,
        "404",
        SERVER + r"namespaces \"([^\"]+)\" not found",
        "namespace {1} does not exist on this cluster",
        "create it, or give another --namespace",
    ),
    rule(
        Verdict.ABSENT, "404", OBJECT + r"not found", "it does not exist: {0}", "it was deleted, or its TTL removed it"
    ),
    # A 404 that names no object comes from a load balancer, or from an API server that does not serve all its APIs yet.
    rule(Verdict.TRANSIENT, "404", r"", "the cluster did not answer as expected: {0}", WAIT),
    rule(Verdict.EXISTS, "409", OBJECT + r"already exists", "{0}", "choose another name, or delete it"),
    rule(Verdict.CONFLICT, "409", r"", "an object with this name exists, or it has changed: {0}", "try again"),
    rule(Verdict.EXPIRED, "410", r"", "the resourceVersion is too old: {0}", "list again"),
    # proxies in front of the API server: a DNS endpoint, Connect gateway
    rule(
        Verdict.DENIED,
        "403",
        SERVER + r".{0,300}?\b(container\.clusters\.connect|gkehub\.gateway\.\w+)\b",
        "permission denied: {0}",
        "grant this account a role of IAM with the permission {1}",
    ),
    # kubectl itself
    rule(
        Verdict.USAGE,
        "none",
        CLIENT + r"(?:Error in configuration: )?\s*(?:\* )?(?:context (?:\"[^\"]*\" does not exist|was not found)"
        r"|cannot locate context )",
        "{0}",
        "see: kubectl config get-contexts",
    ),
    rule(
        Verdict.CONFIG,
        "none",
        CLIENT + r"(?:Error in configuration: |error loading config file |invalid configuration: |"
        r"no server found for cluster |stat .{1,300}: no such file)",
        "the kubeconfig cannot be used: {0}",
        "get new credentials: get-credentials",
    ),
    rule(
        Verdict.USAGE,
        "none 500",
        CLIENT + r"current-context must exist in order to minify|"
        r"\Adial tcp (?:127\.0\.0\.1|\[::1\]):8080: |\AThe connection to the server localhost:8080 was refused",
        "no cluster is named and kubectl has no current context",  # kubectl then connects to localhost:8080
        "give --project, --location and --cluster, or --context",
    ),
    rule(
        Verdict.REFUSED,
        "none",
        CLIENT + r"(?:error validating|error parsing|unable to decode|unable to recognize|no matches for kind|"
        r"resource mapping not found|the namespace from the provided object)",
        "the manifest was refused: {0}",
        CORRECT,
    ),
)
BY_CODE = {401: Verdict.LOGIN, 403: Verdict.DENIED, 408: Verdict.TRANSIENT, 429: Verdict.TRANSIENT}
MESSAGES = {
    Verdict.TRANSIENT: ("the cluster did not answer as expected: {0}", WAIT),
    Verdict.LOGIN: ("not logged in: {0}", LOGIN_ADVICE),
    Verdict.DENIED: ("permission denied: {0}", "ask the administrator of the cluster or the network for access"),
    Verdict.REFUSED: ("the manifest was refused: {0}", CORRECT),
}
