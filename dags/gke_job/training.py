"""Whole DAGs that train a model, made from a description of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from .cluster import GkeCluster
from .compat import DAG, Param
from .operator import GkeJobOperator

LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)  # so that a schedule counts from when the DAG is switched on
PROGRAMS = ("measure", "train", "evaluate")
SIZES = ("measure", "profile", "profile_for")
# Arguments of GkeJobOperator that a Training has fields for, that training_dag takes, or that its Jobs have no use for.
DESCRIBED = ("values", "profile", "profile_for", "escalate", "timeout", "deferrable", "retries")
OF_THE_DAG = ("cluster", "namespace")
NO_USE = ("task_id", "manifest", "map_values", "wait_for_completion")


@dataclass(frozen=True, kw_only=True)
class Training:
    """One model: which programs train it, on what data, on how big a machine, and when.

    A program is a list: the command in the image and its arguments. It has the variables MODEL and DATA.

    :param model: name of the model; the DAG is `train_<model>`
    :param image: image with the programs; a param of the DAG, so that one run may have another
    :param data: where the data are, in the programs' own words, such as `gs://bucket/prefix`; likewise a param
    :param train: program that trains
    :param evaluate: program that runs after it, on a machine of the same profile, with its result as JSON in the
        variable TRAINED
    :param measure: program that runs before it on the profile `cpu-small`, and whose result is a JSON object with
        `bytes`, for which train takes the smallest profile that holds them
    :param profile: instead of `measure`, the profile
    :param profile_for: instead of these, what it must be big enough for: `{"bytes": 73_000_000_000}`
    :param escalate: whether a retry after an OOMKilled takes the next larger profile
    :param values: more values of the template `batch-job`, for all Jobs: service_account, queue, env, ...
    :param job: more arguments of GkeJobOperator, for all Jobs: fallback, schedule_timeout, on_kill_action, pool, ...
    :param schedule: as for a DAG
    :param retries: of each task
    :param timeout: time from submitting the training Job to its result, in seconds or a timedelta
    :param deferrable: whether train holds no worker slot while its Job runs, as for GkeJobOperator
    :raises TypeError: a program is not a list
    :raises ValueError: more than one of measure, profile and profile_for is given, or `job` has what it must not
    """

    model: str
    image: str
    data: str
    train: Sequence[str]
    evaluate: Sequence[str] = ()
    measure: Sequence[str] = ()
    profile: str | None = None
    profile_for: Mapping[str, Any] | None = None
    escalate: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)
    schedule: Any = None
    retries: int = 1
    timeout: float | timedelta | None = None
    deferrable: bool | None = None

    def __post_init__(self) -> None:
        for name in PROGRAMS:
            if isinstance(program := getattr(self, name), str):
                raise TypeError(f"Training of {self.model!r}: {name} is the text {program!r}; give a list of arguments")
        given = [name for name in SIZES if getattr(self, name)]
        if refused := sorted({*DESCRIBED, *OF_THE_DAG, *NO_USE} & set(self.job)):
            fix = "use the field of Training or the argument of training_dag, where there is one"
            raise ValueError(f"Training of {self.model!r}: job has {', '.join(refused)}: {fix}")
        if len(given) > 1:
            raise ValueError(f"Training of {self.model!r}: {' and '.join(given)} are given; give one of them")


def training_dag(
    training: Training, *, cluster: GkeCluster | None = None, namespace: str | None = None, **dag: Any
) -> DAG:
    """Makes the DAG that measures the data, trains the model and evaluates it, each in a Job.

    Airflow finds it where the file that calls this holds the word `airflow`; it need not be kept in a variable.

    :param cluster: as for GkeJobOperator
    :param namespace: likewise
    :param dag: as for a DAG: `on_failure_callback` and `on_success_callback` take Airflow's notifiers; `tags`, ...
    """
    options = {
        "schedule": training.schedule,
        "start_date": LONG_AGO,
        "catchup": False,
        "max_active_runs": 1,
        "description": f"Trains {training.model} in Kubernetes Jobs",
        "doc_md": _doc(training),
        **dag,
        "params": {
            "image": Param(training.image, type="string", description="Image with the programs"),
            "data": Param(training.data, type="string", description="What to train on"),
            **dag.get("params", {}),
        },
        "default_args": {"retries": training.retries, **dag.get("default_args", {})},
    }
    with DAG(f"train_{training.model}", **options) as made:
        _make_tasks(training, cluster=cluster, namespace=namespace)
    return made


def training_dags(trainings: Iterable[Training], **common: Any) -> list[DAG]:
    """Makes the DAG of each model of a table.

    :param common: as for `training_dag`
    :raises ValueError: two of them are of the same model
    """
    trainings = list(trainings)
    twice = [model for model, times in Counter(training.model for training in trainings).items() if times > 1]
    if twice:
        raise ValueError(f"training_dags: {', '.join(twice)} described more than once; give each model its own name")
    return [training_dag(training, **common) for training in trainings]


def _make_tasks(training: Training, **where: Any) -> None:
    size: dict[str, Any] = {"profile": training.profile, "profile_for": training.profile_for}
    if training.measure:
        measure = GkeJobOperator(task_id="measure", profile="cpu-small", **_job(training, training.measure), **where)
        measured: Any = measure.output
        size = {"profile_for": {"bytes": measured["bytes"]}}
    job = {
        **_job(training, training.train),
        "escalate": training.escalate,
        "timeout": training.timeout,
        "deferrable": training.deferrable,
        **size,
        **where,
    }
    train = GkeJobOperator(task_id="train", **job)
    if training.evaluate:
        trained = "{{ ti.xcom_pull(task_ids='train') | tojson }}"
        job = _job(training, training.evaluate, TRAINED=trained)
        train >> GkeJobOperator(task_id="evaluate", **job, **size, **where)


def _job(training: Training, program: Sequence[str], **env: str) -> dict[str, Any]:
    ours = {"MODEL": training.model, "DATA": "{{ params.data }}", **env}
    values = {
        **training.values,
        "image": "{{ params.image }}",
        "command": list(program),
        "env": {**training.values.get("env", {}), **ours},
    }
    return {"template": "batch-job", "values": values, **training.job}


def _doc(training: Training) -> str:
    programs = {name: getattr(training, name) for name in PROGRAMS}
    steps = "\n".join(f"1. **{name}**: `{' '.join(program)}`" for name, program in programs.items() if program)
    return f"### Trains {training.model}\n\n{steps}\n"
