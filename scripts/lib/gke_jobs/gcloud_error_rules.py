"""The table of errors of gcloud; error_rules.py has that of the API server."""

from __future__ import annotations

from gke_jobs.error_rules import REFRESHING, WAIT, Verdict, rule

GCLOUD_LOGIN = "run gcloud auth login, or give the machine a service account"
METADATA_ADVICE = (
    "try again; if this persists, restart this machine, for example the worker, or set a key file in "
    "GOOGLE_APPLICATION_CREDENTIALS"
)
NO_METADATA = rule(
    Verdict.TRANSIENT,
    "none",
    r"Compute Engine Metadata server unavailable due to ([^\n]{1,300})",
    "the metadata server does not answer: {1}",
    METADATA_ADVICE,
)
NO_TOKEN = rule(Verdict.TRANSIENT, "none", REFRESHING, "no credentials are available: {0}", WAIT)
NO_ACCOUNT = rule(
    Verdict.LOGIN,
    "none",
    r"do not currently have an active account|auth login|Reauthentication",
    "not logged in",
    GCLOUD_LOGIN,
)
INVALID_TOKEN = rule(Verdict.LOGIN, "401", r"", "not logged in", GCLOUD_LOGIN)
GCLOUD_USAGE = rule(
    Verdict.USAGE,
    "none",
    r"\AERROR: \(gcloud[\w.-]*\) (?:argument |unrecognized arguments: |Invalid |One of \[|"
    r"The (?:required )?(?:project )?property )",
    "{0}",
    "correct the options",
)
API_DISABLED = rule(
    Verdict.CONFIG,
    "403",
    r"API (?:has not been used in project|is not enabled for this project).{1,500}?"
    r"/apis/api/(\w[\w.-]{0,99})/overview\?project=(\w[\w.:-]{0,99})",
    "the API {1} is not enabled in project {2}",
    "gcloud services enable {1} --project {2}, and wait some minutes",
)
NO_LOCATION = rule(
    Verdict.CONFIG,
    "403",
    r"(?:Permission denied on 'locations/|Location )(\w[\w-]{0,99})"
    r"(?:' \(or it may not exist\)| is not found or access is unauthorized)",
    "there is no location {1}, or the project may not use it",
    "correct --location",
)
IMPERSONATION = rule(
    Verdict.DENIED,
    "403",
    r"Failed to impersonate \[([^\]]*)\]",
    "permission denied: this account may not impersonate {1}",
    "grant it roles/iam.serviceAccountTokenCreator on {1}",
)
ENDPOINTS = (
    rule(
        Verdict.CONFIG,
        "none",
        r"is not a private cluster",
        "the cluster has no private endpoint",
        "leave out --internal-ip",
    ),
    rule(
        Verdict.CONFIG,
        "none",
        r"allowExternalTraffic is disabled|is missing DNSEndpoint",
        "the cluster has no DNS endpoint that can be used from outside",
        "leave out --dns-endpoint, or enable it: gcloud container clusters update NAME --enable-dns-access",
    ),
    rule(Verdict.CONFIG, "none", r"IP access is disabled", "the cluster has no IP endpoint", "use --dns-endpoint"),
)
FLEET_SURFACE = r"\(gcloud\.container\.fleet\."
FLEET = (
    rule(Verdict.CONFIG, "404", FLEET_SURFACE, "not found", "compare with: gcloud container fleet memberships list"),
    rule(
        Verdict.DENIED,
        "403",
        FLEET_SURFACE,
        "permission denied: {0}",
        "grant this account roles/gkehub.gatewayEditor and roles/gkehub.viewer",
    ),
)
PASSING = "408 429 500 502 503 504 none"
GCLOUD_RULES = {  # by the first words after gcloud
    "gcloud container": (
        API_DISABLED,
        NO_LOCATION,
        IMPERSONATION,
        NO_METADATA,
        NO_TOKEN,
        NO_ACCOUNT,
        INVALID_TOKEN,
        *ENDPOINTS,
        *FLEET,
        rule(Verdict.CONFIG, "404", r"", "not found", "compare with: gcloud container clusters list"),
        rule(Verdict.DENIED, "403", r"", "permission denied: {0}", "grant this account roles/container.clusterViewer"),
        GCLOUD_USAGE,
        rule(Verdict.TRANSIENT, PASSING, r"", "the GKE API did not answer as expected: {0}", "try again later"),
        rule(
            Verdict.CONFIG,
            "",
            r"",
            "the GKE API refuses the request: {0}",
            "correct --project, --location and --cluster",
        ),
    ),
    "gcloud composer": (
        API_DISABLED,
        NO_LOCATION,
        NO_METADATA,
        NO_TOKEN,
        NO_ACCOUNT,
        INVALID_TOKEN,
        rule(
            Verdict.CONFIG,
            "404",
            r"",
            "no such environment",
            "compare with: gcloud composer environments list --locations WHERE",
        ),
        rule(
            Verdict.DENIED,
            "403",
            r"",
            "permission denied: {0}",
            "grant this account roles/composer.user",
        ),
        rule(
            Verdict.USAGE,
            "none",
            r"Failed to find attribute \[project\]",
            "no project is named",
            "add --project ID",
        ),
        GCLOUD_USAGE,
        rule(Verdict.TRANSIENT, PASSING, r"", "the Composer API did not answer as expected: {0}", "try again later"),
        rule(
            Verdict.CONFIG,
            "",
            r"",
            "the Composer API refuses the request: {0}",
            "correct --project, --location and --environment",
        ),
    ),
    "gcloud storage": (
        API_DISABLED,
        NO_METADATA,
        NO_TOKEN,
        NO_ACCOUNT,
        INVALID_TOKEN,
        rule(
            Verdict.CONFIG,
            "404",
            r"",
            "no such bucket",
            "compare with: gcloud composer environments describe NAME --location WHERE",
        ),
        rule(
            Verdict.DENIED,
            "403",
            r"",
            "permission denied: {0}",
            "grant this account roles/storage.objectUser on the bucket",
        ),
        rule(
            Verdict.REFUSED,
            "412",
            r"",
            "another deployment has changed the object in the meantime",
            "nothing has changed for DAGs; run this again when the other one has ended",
        ),
        GCLOUD_USAGE,
        rule(Verdict.TRANSIENT, PASSING, r"", "Cloud Storage did not answer as expected: {0}", "try again later"),
        rule(Verdict.CONFIG, "", r"", "Cloud Storage refuses the request: {0}", "correct the bucket or the folder"),
    ),
}
