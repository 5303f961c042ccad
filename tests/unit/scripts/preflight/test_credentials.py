"""The fixes for the errors of get-credentials: commands that run as they are printed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gke_jobs.error_texts import from_gcloud
from gke_jobs.errors import classify, sentence
from gke_jobs.gcloud_error_rules import GCLOUD_RULES
from gke_jobs.preflight.credentials import FIXES, Request, evaluate

WORKER, RUNNER = "airflow@ml-airflow.iam.gserviceaccount.com", "runner@ml.iam.gserviceaccount.com"
REQUEST = Request(project="ml", location="europe-west4", cluster="training", impersonated="", account=WORKER)
OF_CLUSTER = "ERROR: (gcloud.container.clusters.get-credentials) "
OF_FLEET = "ERROR: (gcloud.container.fleet.memberships.get-credentials) "
DENIED = f'{OF_CLUSTER}ResponseError: code=403, message=Required "container.clusters.get" permission(s) for "x".'
IMPERSONATION = (
    f"{OF_CLUSTER}PERMISSION_DENIED: Failed to impersonate [{RUNNER}]. Make sure the account that's trying to "
    'impersonate it has access to the service account itself and the "roles/iam.serviceAccountTokenCreator" role.'
)


@pytest.mark.parametrize(
    ("stderr", "request_", "fix"),
    [
        (DENIED, REQUEST, f"add-iam-policy-binding ml --member serviceAccount:{WORKER} "),
        (DENIED, replace(REQUEST, account="jane@example.com"), "--member user:jane@example.com "),
        (DENIED, replace(REQUEST, account=""), "--member serviceAccount:ACCOUNT "),
        (DENIED, replace(REQUEST, account="the credentials of a@b"), "--member serviceAccount:ACCOUNT "),
        (DENIED, replace(REQUEST, account="a@b;rm"), "--member 'user:a@b;rm' "),
        (DENIED, replace(REQUEST, impersonated=RUNNER), f"--member serviceAccount:{RUNNER} "),
        (
            IMPERSONATION,
            replace(REQUEST, impersonated=RUNNER),
            f"gcloud iam service-accounts add-iam-policy-binding {RUNNER} --member serviceAccount:{WORKER} ",
        ),
        (
            f"{OF_CLUSTER}ResponseError: code=404, message=Not found: projects/ml/locations/x/clusters/y.",
            REQUEST,
            "gcloud container clusters list --project ml ",
        ),
        (
            f"{OF_CLUSTER}cannot use --dns-endpoint: dnsEndpointConfig.allowExternalTraffic is disabled",
            REQUEST,
            "gcloud container clusters update training --location europe-west4 --project ml --enable-dns-access",
        ),
        (
            f"{OF_FLEET}PERMISSION_DENIED: Permission 'gkehub.memberships.list' denied",
            REQUEST,
            f"add-iam-policy-binding ml --member serviceAccount:{WORKER} --condition None --role roles/gkehub.viewer",
        ),
        (f"{OF_CLUSTER}cluster training is not a private cluster.", REQUEST, "leave out --internal-ip"),
        (f"{OF_CLUSTER}IP access is disabled for the cluster", REQUEST, "use --dns-endpoint, and leave out"),
        (f"{OF_FLEET}NOT_FOUND: x", REQUEST, "gcloud container fleet memberships list --project ml "),
        ("ERROR: odd", REQUEST, "correct this, then check again"),
    ],
)
def test_the_fix_is_a_command_for_this_account_and_cluster(stderr, request_, fix):
    said = f"cannot get credentials for cluster training: {sentence(classify(from_gcloud(stderr)))}"
    found = evaluate(said, request_)
    assert (found.check, found.state, found.found) == ("cluster", "failed", said)
    assert fix in found.fix


@pytest.mark.parametrize("part", [part for part, _ in FIXES if part != "container.clusters.get"])  # this one is GKE's
def test_a_fix_is_for_the_words_of_a_rule(part):
    said = [f"{rule.message}: {rule.advice}" for rule in GCLOUD_RULES["gcloud container"]]
    copies = "FIXES of preflight/credentials.py has words that no rule of gcloud_error_rules.py has"
    assert any(part in words for words in said), copies
