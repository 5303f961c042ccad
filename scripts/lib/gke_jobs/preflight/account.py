"""Checks the account with which the scripts reach the cluster, and the kind of its credentials."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from gke_jobs.access import accounts, metadata
from gke_jobs.errors import ApiError, classify
from gke_jobs.json_access import text_at
from gke_jobs.preflight.finding import Finding, failed, ok, warning
from gke_jobs.preflight.programs import Kubectl
from gke_jobs.programs import run

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
LOGIN = "on a worker: give the environment a service account; from a shell: gcloud auth login"


def find(environ: Mapping[str, str], mode: str, impersonated: str) -> accounts.Account:
    """Return the account that reaches a GKE cluster. mode: auto, adc or gcloud; impersonated: may be empty.

    NoAnswerError if the account comes from the metadata server and that does not answer
    """
    return accounts.find(environ, mode, impersonated, lambda: metadata.email(environ))


def name(found: accounts.Account, environ: Mapping[str, str]) -> str:
    """Return the name of the account, '' if there is none or it is not known, as for an access token."""
    if found.auth == accounts.ADC:
        return found.settings.get(accounts.ACCOUNT, "") or _of_file(found.settings.get(accounts.KEY_FILE, ""))
    if selector := _selector(environ):
        return environ[selector] if selector == accounts.ACCOUNT else ""
    return run(["gcloud", "config", "get", "account"]).stdout.strip()


def evaluate(found: accounts.Account, own: str, environ: Mapping[str, str], impersonated: str) -> Finding:
    """Return the finding about the account. own: its name, '' if not known."""
    if found.auth == accounts.GCLOUD and environ.get(accounts.TOKEN_FILE):
        file = environ[accounts.TOKEN_FILE]
        if not os.access(file, os.R_OK):
            return failed("account", f"the access token in {file} cannot be read", f"unset {accounts.TOKEN_FILE}")
        acting = f", as {impersonated}" if impersonated else ""
        return ok("account", f"the one whose access token is in {file}{acting}")
    selector = _selector(environ)
    impersonated = impersonated or environ.get(accounts.IMPERSONATED, "")
    acting = f", as {impersonated}" if impersonated else ""
    if found.auth == accounts.GCLOUD and selector:
        return ok("account", f"the one of {selector}{acting}")
    kind = "application-default credentials" if found.auth == accounts.ADC else "gcloud's credentials"
    if not own:
        return warning("account", f"no account is configured; the mode uses {kind}", LOGIN)
    return ok("account", f"{own}{acting}, by {kind}")


def _selector(environ: Mapping[str, str]) -> str:
    """Return the variable that selects gcloud's credentials, '' if there is none."""
    return next((name for name in accounts.SELECTORS if name != accounts.IMPERSONATED and environ.get(name)), "")


def _of_file(file: str) -> str:
    try:
        found = json.loads(Path(file).read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    return text_at(found, "client_email") or f"the credentials of {file}"


def check_user(kubectl: Kubectl) -> tuple[str, Finding]:
    """Return the user name by which the API server knows this account, may be empty, and the finding."""
    try:
        review = kubectl.create(REVIEWS, REVIEW)
    except ApiError as error:
        meaning = classify(error.answer)
        if error.answer.code in (404, 405, 501) or meaning.verdict.value in ("absent", "refused"):
            return "", warning(
                "user",
                f"the API server does not report the user name: {meaning.message}",
                "use Kubernetes 1.28 or newer",
            )
        fix = f"{meaning.advice}: templates/access/README.md, step 2"
        return "", failed("user", f"the API server does not accept the credentials: {meaning.message}", fix)
    name = text_at(review, "status", "userInfo", "username")
    return name, ok("user", f"the API server authenticates this account as {name}")
