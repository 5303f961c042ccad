"""Values of sensitive names are masked in the log and in the UI."""

from __future__ import annotations

import json

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.utils.session import create_session
from operator_calls import CONTEXT

from gke_job import GkeJobOperator, masking

try:
    from airflow.sdk.log import redact
except ImportError:  # Airflow 2.11
    from airflow.utils.log.secrets_masker import redact


def test_a_value_with_a_sensitive_name_is_masked_in_the_log(run_job):
    values = {"env": {"DB_PASSWORD": "hunter2-in-it"}}
    GkeJobOperator(task_id="t", template="batch-job", values=values).execute(CONTEXT)
    assert run_job.calls[0]["values"] == values
    assert redact("hunter2-in-it") == "***"


def test_airflow_warns_only_of_short_texts_that_are_secrets(run_job, monkeypatch):
    masked = []
    monkeypatch.setattr(masking, "mask_secret", lambda text, name: masked.append((name, text)))
    values = {"image": "i", "args": ["a"], "env": {"TOKEN": "abc", "password": ["x", "y"], "SEED": 7}}
    GkeJobOperator(task_id="t", template="batch-job", values=values).execute(CONTEXT)
    assert masked == [("TOKEN", "abc"), ("password", "x"), ("password", "y")]


def test_names_of_service_accounts_and_secrets_are_not_masked(run_job):
    values = {
        "service_account": "of-default",
        "image_pull_secrets": ["of-registry"],
        "secret_files": {"/etc/token": "of-tokens"},
        "secret_env": {"TOKEN": {"name": "of-tokens", "key": "of-key"}},
    }
    GkeJobOperator(task_id="t", template="batch-job", values=values).execute(CONTEXT)
    names = "of-default of-registry of-tokens of-key"
    assert redact(names) == names


def test_the_ui_shows_the_rendered_values_and_masks_sensitive_ones(run, run_job, request):
    values = {"env": {"DB_PASSWORD": "hunter3-in-it", "USER": "{{ task.task_id }}-user"}}
    assert run(lambda: GkeJobOperator(task_id="t", template="batch-job", values=values)) == "success"
    with create_session() as session:
        rendered = session.query(RenderedTaskInstanceFields).filter_by(dag_id=request.node.name).one().rendered_fields
    assert rendered["values"]["env"] == {"DB_PASSWORD": "***", "USER": "t-user"}
    assert "hunter3" not in json.dumps(rendered)
