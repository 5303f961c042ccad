"""The name of the account, and what check-setup says of it."""

from __future__ import annotations

import json

import pytest

from gke_jobs.access.accounts import ACCOUNT, ADC, GCLOUD, KEY_FILE, TOKEN_FILE, Account
from gke_jobs.preflight.account import evaluate, name

WORKER = "airflow@ml.iam.gserviceaccount.com"


def account(auth, **settings):
    return Account(auth=auth, identity="", settings=settings)


@pytest.mark.parametrize(
    ("found", "environ", "expected"),
    [
        (account(ADC, **{ACCOUNT: WORKER}), {}, WORKER),
        (account(ADC, **{KEY_FILE: "/nowhere"}), {}, ""),
        (account(GCLOUD), {ACCOUNT: WORKER}, WORKER),
        (account(GCLOUD), {TOKEN_FILE: "/token", ACCOUNT: WORKER}, ""),
    ],
)
def test_the_name_of_the_account(found, environ, expected):
    assert name(found, environ) == expected


def test_the_name_is_that_of_the_key(tmp_path):
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"client_email": WORKER}))
    assert name(account(ADC, **{KEY_FILE: str(key)}), {}) == WORKER


def test_an_account_without_a_name_is_a_warning_with_the_fix():
    found = evaluate(account(ADC), "", {}, "")
    assert found.state == "warning"
    assert "gcloud auth login" in found.fix
    assert evaluate(account(ADC), WORKER, {}, "").found == f"{WORKER}, by application-default credentials"
