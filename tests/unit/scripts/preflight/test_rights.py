"""Which rights are asked for, and what the answers mean."""

from __future__ import annotations

from pathlib import Path

import yaml

from gke_jobs.preflight.rights import Right, evaluate, of_role, review

ROLE = yaml.safe_load((Path(__file__).resolve().parents[4] / "templates" / "role.yaml").read_text())
CREATE = Right(verb="create", group="batch", resource="jobs")
LOG = Right(verb="get", group="", resource="pods/log")
SERVICE = Right(verb="create", group="", resource="services")


def test_all_rights_of_the_role_are_asked_for():
    asked = of_role(ROLE)
    assert {CREATE, LOG, SERVICE} <= set(asked)
    assert len(asked) == sum(len(rule["verbs"]) for rule in ROLE["rules"])


def test_a_review_names_a_subresource():
    assert review(LOG, "ml")["spec"]["resourceAttributes"] == {
        "namespace": "ml",
        "verb": "get",
        "group": "",
        "resource": "pods",
        "subresource": "log",
    }


def test_all_are_there():
    (found,) = evaluate({CREATE: True, LOG: True}, "ml", "me")
    assert found.state == "ok"


def test_a_missing_right_fails_and_the_fix_names_who_we_are():
    (found,) = evaluate({CREATE: False, LOG: True}, "ml", "me@ml; rm -rf /")
    assert found.state == "failed"
    assert found.found == "missing in namespace ml: create jobs"
    assert " --user 'me@ml; rm -rf /' " in found.fix


def test_the_fix_names_a_binding_of_its_own_for_each_account():
    users = [f"airflow@{project}.iam.gserviceaccount.com" for project in ("ml-one", "ml-two")]
    fixes = [evaluate({CREATE: False, LOG: True}, "ml", user)[0].fix for user in users]
    assert "create rolebinding gke-job-airflow-ml-one --namespace ml" in fixes[0]
    assert "create rolebinding gke-job-airflow-ml-two --namespace ml" in fixes[1]


def test_without_any_right_the_namespace_may_be_missing():
    (found,) = evaluate({CREATE: False, LOG: False}, "typo", "me")
    assert found.found.startswith("missing in namespace typo, which may not exist (templates/access/README.md, step 4)")
    assert found.fix.startswith("kubectl apply --namespace typo ")


def test_a_right_that_few_manifests_need_is_a_warning():
    (found,) = evaluate({CREATE: True, SERVICE: False}, "ml", "")
    assert found.state == "warning"
    assert "which only Jobs of distributed-job need" in found.found
    assert " --user USER " in found.fix
