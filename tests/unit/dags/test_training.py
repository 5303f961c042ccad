"""The DAGs that training_dag makes; test_examples.py runs some."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest

from gke_job import GkeCluster, GkeJobOperator, Training, training_dag, training_dags
from gke_job.training import DAG_ARGUMENTS, TRAINING_FIELDS, UNUSED_ARGUMENTS


def training(**fields):
    return Training(**{"model": "m", "image": "i:1", "data": "gs://b/d", "train": ["train"], **fields})


def schedule(dag):
    return dag.schedule if hasattr(dag, "schedule") else dag.schedule_interval  # Airflow 2.11


def order(dag):
    return {task.task_id: task.upstream_task_ids for task in dag.tasks}


def test_the_shortest_description_is_one_job():
    dag = training_dag(training())
    assert dag.dag_id == "train_m"
    assert schedule(dag) is None
    (train,) = dag.tasks
    assert train.values == {
        "image": "{{ params.image }}",
        "command": ["train"],
        "env": {"MODEL": "m", "DATA": "{{ params.data }}"},
    }
    assert {name: dag.params[name] for name in dag.params} == {"image": "i:1", "data": "gs://b/d"}


def test_the_measured_size_decides_the_profile_of_training_and_evaluation():
    dag = training_dag(training(measure=["measure"], evaluate=["evaluate", "--all"]))
    assert order(dag) == {"measure": set(), "train": {"measure"}, "evaluate": {"train", "measure"}}
    measured = dag.get_task("measure").output["bytes"]
    for name in ("train", "evaluate"):
        asked = dag.get_task(name).profile_for["bytes"]
        assert (asked.operator, asked.key) == (measured.operator, "bytes")
    assert dag.get_task("measure").profile == "cpu-small"


def test_params_of_the_author_are_added_to_those_of_the_factory():
    assert sorted(training_dag(training(), params={"project": "p", "data": "d"}).params) == ["data", "image", "project"]


def test_the_evaluation_gets_the_result_of_the_training():
    dag = training_dag(training(evaluate=["evaluate"]))
    assert dag.get_task("evaluate").values["env"]["TRAINED"] == "{{ ti.xcom_pull(task_ids='train') | tojson }}"
    assert "evaluate" in dag.get_task("train").downstream_task_ids


def test_only_the_training_may_be_deferred():
    dag = training_dag(training(measure=["measure"], evaluate=["evaluate"], deferrable=True))
    assert [dag.get_task(name).deferrable for name in ("measure", "train", "evaluate")] == [False, True, False]


def test_the_fields_of_the_description_reach_the_tasks():
    described = training(
        profile="highmem",
        escalate=True,
        values={"service_account": "trainer", "env": {"SEED": 7}},
        schedule="@daily",
        retries=3,
        timeout=timedelta(hours=2),
    )
    cluster = GkeCluster(project="p", location="l", name="c")
    dag = training_dag(described, cluster=cluster, namespace="ml", tags=["nightly"], default_args={"owner": "team"})
    task = dag.get_task("train")
    assert (task.profile, task.namespace, task.retries, task.owner) == ("highmem", "ml", 3, "team")
    assert (task.options["escalate"], task.options["timeout"]) == (True, timedelta(hours=2))
    assert task.cluster["name"] == "c"
    assert task.values["service_account"] == "trainer"
    assert task.values["env"] == {"SEED": 7, "MODEL": "m", "DATA": "{{ params.data }}"}
    assert set(dag.tags) == {"nightly"}
    assert schedule(dag) == "@daily"
    assert not dag.catchup
    assert dag.start_date


MORE = {
    "template": "distributed-job",
    "profiles": "/team/profiles.yaml",
    "fallback": True,
    "validate": "server",
    "schedule_timeout": 600,
    "start_timeout": 30,
    "unreachable_timeout": 60,
    "heartbeat": 5,
    "max_log_streams": 3,
    "logs": "failed",
    "logging_interval": 60,
    "multiple_outputs": False,
    "result_required": True,
    "skip_on_exit_code": 42,
    "report": "gs://reports/{{ task.task_id }}.html",
    "on_change": "attach",
    "on_kill_action": "keep",
}


def test_every_argument_of_the_operator_can_be_given_for_the_jobs():
    of_operator = set(inspect.signature(GkeJobOperator.__init__).parameters) - {"self", "kwargs"}
    missing = of_operator - {*MORE, *TRAINING_FIELDS, *DAG_ARGUMENTS, *UNUSED_ARGUMENTS}
    assert missing == set(), "add arguments of GkeJobOperator to MORE of this test"
    dag = training_dag(training(measure=["m"], evaluate=["e"], job={**MORE, "queue": "gpu", "pool_slots": 2}))
    for task in dag.tasks:
        same = GkeJobOperator(task_id="same", profile="cpu-small", **MORE)
        assert task.options == same.options
        names = (
            "template",
            "profiles",
            "logging_interval",
            "pushes_result_keys",
            "result_required",
            "skipped_exit_codes",
            "report",
            "on_kill_action",
        )
        assert [getattr(task, name) for name in names] == [getattr(same, name) for name in names]
        assert (task.queue, task.pool_slots) == ("gpu", 2)


@pytest.mark.parametrize("name", [*TRAINING_FIELDS, *DAG_ARGUMENTS, *UNUSED_ARGUMENTS])
def test_an_argument_that_belongs_elsewhere_is_refused_in_job(name):
    with pytest.raises(ValueError, match=f"^Training of 'm': job has {name}: use the field of Training or "):
        training(job={name: 1})


def test_a_dag_has_a_description():
    assert training_dag(training()).description == "Trains m in Kubernetes Jobs"
    assert training_dag(training(), description="ours").description == "ours"


def test_a_table_makes_a_dag_for_each_model_and_refuses_duplicates():
    dags = training_dags((training(model=model) for model in "ab"), namespace="ml")
    assert [dag.dag_id for dag in dags] == ["train_a", "train_b"]
    with pytest.raises(
        ValueError, match=r"^training_dags: a is defined more than once; give each model a unique " r"name$"
    ):
        training_dags([training(model=model) for model in "aba"])


@pytest.mark.parametrize("program", ["measure", "train", "evaluate"])
def test_a_program_that_is_not_a_list_is_refused(program):
    with pytest.raises(
        TypeError, match=f"^Training of 'm': {program} is the string 'run it'; give a list of arguments$"
    ):
        training(**{program: "run it"})


def test_two_fields_for_the_size_are_refused():
    with pytest.raises(ValueError, match=r"^Training of 'm': profile and profile_for are given; give one of them$"):
        training(profile="highmem", profile_for={"bytes": 1})
