"""Finds the fix for the error with which get-credentials has ended."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from gke_jobs.preflight.finding import Finding, failed

EMAIL = re.compile(r"[^\s@:]+@[^\s@:]+")
SERVICE_ACCOUNT = ".gserviceaccount.com"
BINDING = "gcloud projects add-iam-policy-binding {project} --member {member} --condition None --role"
# A part of the error, and the fix. The first part that the error has decides.
FIXES = (
    (
        "may not impersonate",
        "templates/access/README.md, step 3, or: gcloud iam service-accounts add-iam-policy-binding {impersonated} "
        "--member {caller} --role roles/iam.serviceAccountTokenCreator --condition None",
    ),
    (
        "container.clusters.get",
        "is this the right project? Else grant the role of templates/access/README.md, step 2, or: "
        f"{BINDING} roles/container.clusterViewer",
    ),
    (
        "roles/gkehub.gatewayEditor",
        "is this the right project? Else grant the role of templates/access/README.md, step 2, or: "
        f"{BINDING} roles/gkehub.gatewayEditor && {BINDING} roles/gkehub.viewer",
    ),
    ("leave out --internal-ip", "leave out --internal-ip"),
    ("use --dns-endpoint", "use --dns-endpoint, and leave out --internal-ip"),
    ("correct --location", "correct --location"),
    (
        "--enable-dns-access",
        "leave out --dns-endpoint, or: gcloud container clusters update {cluster} --location {location} "
        "--project {project} --enable-dns-access",
    ),
    (
        "gcloud container clusters list",
        "gcloud container clusters list --project {project} lists the clusters and their locations",
    ),
    (
        "gcloud container fleet memberships list",
        "gcloud container fleet memberships list --project {project} lists the memberships and their locations",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of get-credentials, and the account that calls it: its email address, or other text if not known."""

    project: str
    location: str
    cluster: str
    impersonated: str
    account: str


def evaluate(error: str, request: Request) -> Finding:
    """Return the finding for an error of get-credentials."""
    caller = _member(request.account)
    words = {
        "project": shlex.quote(request.project),
        "location": shlex.quote(request.location),
        "cluster": shlex.quote(request.cluster),
        "impersonated": shlex.quote(request.impersonated),
        "caller": caller,
        "member": _member(request.impersonated) if request.impersonated else caller,
    }
    fix = next((fix for part, fix in FIXES if part in error), "correct this, then check again")
    return failed("cluster", error, fix.format(**words))


def _member(account: str) -> str:
    """Return the principal of IAM, quoted for a shell; with the placeholder ACCOUNT if the account is not known."""
    if not EMAIL.fullmatch(account):
        return "serviceAccount:ACCOUNT"
    return shlex.quote(f"{'serviceAccount' if account.endswith(SERVICE_ACCOUNT) else 'user'}:{account}")
