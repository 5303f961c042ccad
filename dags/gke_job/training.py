"""Makes DAGs that train a model from a description of the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from .cluster import GkeCluster
from .compat import DAG, Param
from .operator import GkeJobOperator

LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)  # the first run of a schedule is then due when the DAG is unpaused
PROGRAMS = ("measure", "train", "evaluate")
SIZES = ("measure", "profile", "profile_for")
# Arguments of GkeJobOperator that `job` must not have: fields of Training, arguments of training_dag, and arguments
# that its tasks do not use.
TRAINING_FIELDS = ("values", "profile", "profile_for", "escalate", "timeout", "deferrable", "retries")
DAG_ARGUMENTS = ("cluster", "namespace")
UNUSED_ARGUMENTS = ("task_id", "manifest", "map_values", "wait_for_completion")


@dataclass(frozen=True, kw_only=True)
class Training:
    """Describes one model: the programs that train it, its data, the size of its machine, and its schedule.

    A program is a list: the command in the image and its arguments. It has the environment variables MODEL and DATA.

    :param model: name of the model; the DAG is `train_<model>`
    :param image: image with the programs; also a param of the DAG, so that a run can use another image
    :param data: location of the data, as the programs expect it, such as `gs://bucket/prefix`; also a param of the DAG
    :param train: program that trains the model
    :param evaluate: program that runs after `train` with the same profile; the environment variable TRAINED has the
        result of `train` as JSON
    :param measure: program that runs before `train` with the profile `cpu-small`. Its result is a JSON object with
        `bytes`; `train` uses the smallest profile that holds them
    :param profile: the profile, instead of `measure`
    :param profile_for: the size that the profile must hold, instead of these: `{"bytes": 73_000_000_000}`
    :param escalate: whether a retry after an OOMKilled takes the next larger profile
    :param values: more values of the template `batch-job`, for all Jobs: service_account, queue, env, ...
    :param job: more arguments of GkeJobOperator, for all Jobs: fallback, schedule_timeout, on_kill_action, pool, ...
    :param schedule: as for a DAG
    :param retries: number of retries of each task
    :param timeout: maximum time from the submission of the training Job until it is finished, in seconds or a timedelta
    :param deferrable: whether the task `train` waits in the triggerer, as for GkeJobOperator
    :raises TypeError: a program is not a list
    :raises ValueError: more than one of measure, profile and profile_for is given, or `job` has an argument that it
        must not have
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
                raise TypeError(
                    f"Training of {self.model!r}: {name} is the string {program!r}; give a list of arguments"
                )
        given = [name for name in SIZES if getattr(self, name)]
        if refused := sorted({*TRAINING_FIELDS, *DAG_ARGUMENTS, *UNUSED_ARGUMENTS} & set(self.job)):
            fix = "use the field of Training or the argument of training_dag if one exists"
            raise ValueError(f"Training of {self.model!r}: job has {', '.join(refused)}: {fix}")
        if len(given) > 1:
            raise ValueError(f"Training of {self.model!r}: {' and '.join(given)} are given; give one of them")


def training_dag(
    training: Training, *, cluster: GkeCluster | None = None, namespace: str | None = None, **dag: Any
) -> DAG:
    """Returns a DAG that measures the data, trains the model and evaluates it, each in a Job.

    Airflow finds the DAG only if the file that calls this function contains the word `airflow`. The DAG need not be
    assigned to a variable.

    :param training: the model
    :param cluster: as for GkeJobOperator
    :param namespace: as for GkeJobOperator
    :param dag: arguments of the DAG: `on_failure_callback` and `on_success_callback` take Airflow's notifiers; `tags`,
        ...
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
    """Returns a DAG for each model of a table.

    :param common: as for `training_dag`
    :raises ValueError: two trainings have the same model
    """
    trainings = list(trainings)
    twice = [model for model, times in Counter(training.model for training in trainings).items() if times > 1]
    if twice:
        raise ValueError(f"training_dags: {', '.join(twice)} is defined more than once; give each model a unique name")
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
