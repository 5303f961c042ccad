from __future__ import annotations

import os
import pwd
import re
from dataclasses import replace

import pytest

from gke_jobs.rendering.identity import NAME_LENGTH, Run, digest, identify, label_value

TASK = Run(environment="prod", dag_id="train_model", task_id="fit", run_id="manual__1", map_index="-1", try_number="1")


def of_task(run: Run):
    return identify(run, work="batch-job", environ={})


def by_hand(work: str, **environ: str):
    return identify(Run(), work=work, environ=environ)


def test_a_run_is_read_from_the_variables_that_airflow_exports():
    run = Run.from_environment(
        {
            "AIRFLOW_CTX_DAG_ID": "train_model",
            "AIRFLOW_CTX_TASK_ID": "fit",
            "AIRFLOW_CTX_DAG_RUN_ID": "manual__1",
            "AIRFLOW_CTX_TRY_NUMBER": "1",
            "GKE_JOB_MAP_INDEX": "-1",
            "GKE_JOB_AIRFLOW_ENVIRONMENT": "prod",
            "GCP_PROJECT": "ml",
            "COMPOSER_LOCATION": "europe-west4",
            "COMPOSER_ENVIRONMENT": "other",
        }
    )
    assert run == TASK


COMPOSER = {"GCP_PROJECT": "ml", "COMPOSER_LOCATION": "europe-west4", "COMPOSER_ENVIRONMENT": "prod"}


def in_composer(**differs: str) -> Run:
    return Run.from_environment({"AIRFLOW_CTX_DAG_ID": "d", **COMPOSER, **differs})


def test_composer_names_the_environment_and_a_plain_task_has_no_map_index():
    run = in_composer()
    assert (run.environment, run.map_index) == ("ml/europe-west4/prod", "-1")
    assert in_composer(GCP_PROJECT="").environment == "europe-west4/prod"


@pytest.mark.parametrize("name", COMPOSER)
def test_d5_another_project_or_region_of_composer_gives_another_identity(name):
    one, other = of_task(in_composer()), of_task(in_composer(**{name: "other"}))
    assert one.hash != other.hash
    assert one.name != other.name


def test_outside_composer_a_project_and_a_location_name_no_environment():
    assert in_composer(COMPOSER_ENVIRONMENT="").environment == ""


def test_without_airflow_every_field_is_empty():
    assert set(Run.from_environment(COMPOSER).as_dict().values()) == {""}


def test_every_try_of_a_task_instance_has_the_same_identity():
    assert of_task(TASK) == of_task(replace(TASK, try_number="2"))


@pytest.mark.parametrize("field", ["environment", "dag_id", "task_id", "run_id", "map_index"])
def test_any_other_field_of_a_task_instance_gives_another_identity(field):
    other = of_task(replace(TASK, **{field: "other"}))
    assert other.hash != of_task(TASK).hash
    assert other.name != of_task(TASK).name


def test_ids_that_share_their_joined_text_differ():
    one, other = replace(TASK, dag_id="a-b", task_id="c"), replace(TASK, dag_id="a", task_id="b-c")
    assert of_task(one).name != of_task(other).name


def test_the_name_is_dag_and_task_with_a_hash():
    identity = of_task(TASK)
    assert re.fullmatch("[0-9a-f]{12}", identity.hash)
    assert identity.name == f"train-model-fit-{identity.hash[:8]}"


@pytest.mark.parametrize(
    ("dag_id", "task_id"),
    [
        ("d" * 250, "t" * 250),
        ("d" * 250, "t"),
        ("d", "t" * 250),
        ("d" * 19 + "_" * 10, "group.Task__1"),
        ("_._", "---"),
        ("日本", "größe"),
        ("1", "2"),
        ("日本", "2"),
        ("2026_churn", "fit"),
        ("2" * 250, "t" * 250),
        ("_._", "2" * 250),
        ("a" * 20 + "-" * 5 + "b" * 20, "c" * 20 + "-" * 5 + "d" * 20),
    ],
)
def test_any_dag_and_task_give_a_dns_label_with_room_for_pod_names(dag_id, task_id):
    identity = of_task(replace(TASK, dag_id=dag_id, task_id=task_id))
    assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", identity.name)
    assert len(identity.name) <= NAME_LENGTH
    assert identity.name.endswith(identity.hash[:8])


@pytest.mark.parametrize(
    ("dag_id", "task_id", "name"),
    [
        ("2026_churn", "fit", "job-2026-churn-fit"),
        ("日本", "fit", "fit"),
        ("_._", "---", "job"),
        ("1", "2", "job-1-2"),
    ],
)
def test_d2_a_name_that_would_not_start_with_a_letter_starts_with_job(dag_id, task_id, name):
    identity = of_task(replace(TASK, dag_id=dag_id, task_id=task_id))
    assert identity.name == f"{name}-{identity.hash[:8]}"


@pytest.mark.parametrize(
    ("dag_id", "task_id", "name"),
    [
        ("日本", "東京", "batch-job"),
        ("日本", "2", "batch-job-2"),
        ("第1回", "第2回", "batch-job-1-2"),
        ("需要予測_v2", "学習", "v2"),
        ("größe", "東京", "gr-e"),
        ("日" * 250, "本" * 250, "batch-job"),
    ],
)
def test_ids_without_an_ascii_letter_have_the_template_in_the_name(dag_id, task_id, name):
    identity = of_task(replace(TASK, dag_id=dag_id, task_id=task_id))
    assert identity.name == f"{name}-{identity.hash[:8]}"


def test_a_template_name_without_an_ascii_letter():
    identity = identify(replace(TASK, dag_id="日本", task_id="東京"), work="学習", environ={})
    assert identity.name == f"job-{identity.hash[:8]}"


def test_a_long_dag_id_does_not_hide_the_task():
    assert re.fullmatch("d+-t{20}-.{8}", of_task(replace(TASK, dag_id="d" * 250, task_id="t" * 250)).name)
    assert re.fullmatch("d{37}-fit-.{8}", of_task(replace(TASK, dag_id="d" * 250)).name)


def test_from_a_shell_the_name_has_the_work_and_the_user():
    assert by_hand("batch-job", USER="Ada.L").name == "batch-job-ada-l"
    assert by_hand("batch-job", LOGNAME="bob").name == "batch-job-bob"
    assert by_hand("batch-job").name == f"batch-job-{pwd.getpwuid(os.getuid()).pw_name}"
    assert by_hand("2d-train", USER="ada").name == "job-2d-train-ada"
    assert by_hand("日本", USER="1000").name == "job-1000"
    assert by_hand("日本", USER="_").name == "job"


def test_from_a_shell_an_account_without_a_name_has_its_number(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert by_hand("batch-job").name == "batch-job-4000000000"


def test_d2_a_long_name_from_a_shell_also_starts_with_a_letter():
    identity = by_hand("2" * 44, USER="ada")
    assert identity.name == f"job-{'2' * 33}-ada-{identity.hash[:8]}"
    assert len(identity.name) == NAME_LENGTH


def test_from_a_shell_each_user_and_work_has_an_identity():
    hashes = {by_hand(work, USER=user).hash for work in ("a", "b") for user in ("ada", "bob")}
    assert len(hashes) == 4


def test_a_long_name_from_a_shell_is_cut_and_keeps_a_hash():
    identity = by_hand("w" * 100, USER="ada")
    assert len(identity.name) == NAME_LENGTH
    assert identity.name.endswith(f"-ada-{identity.hash[:8]}")


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1}) != digest({"b": [2, 1], "a": 1})


@pytest.mark.parametrize("text", ["train_model", "group.Task__1", "2026_churn", "a" * 63, "0"])
def test_an_id_that_is_a_valid_label_value_does_not_change(text):
    assert label_value(text) == text


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("größe", "gr-e-"),
        ("_private_", "private-"),
        ("a" * 64, "a" * 54 + "-"),
        ("a" * 53 + "_" + "b" * 50, "a" * 53 + "-"),
        ("a b\n", "a-b-"),
        ("日本", ""),
        ("", ""),
        ("...", ""),
    ],
)
def test_an_id_that_is_no_label_value_gets_a_hash_of_the_whole_id(text, readable):
    value = label_value(text)
    assert re.fullmatch(f"{re.escape(readable)}[0-9a-f]{{8}}", value)
    assert len(value) <= 63
    assert value == label_value(text)


def test_ids_that_differ_only_in_removed_characters_have_different_labels():
    ids = ["a b", "a-b", "a/b", "größe", "grüße", "日本", "東京", "x" * 64, "x" * 65, "x_", "x"]
    assert len({label_value(text) for text in ids}) == len(ids)


def test_bytes_that_are_not_utf8_in_an_id_are_replaced_by_a_sign():
    run = Run.from_environment({"AIRFLOW_CTX_DAG_ID": "a\udc80b", "AIRFLOW_CTX_TASK_ID": "t"})
    assert run.dag_id == "a\ufffdb"
