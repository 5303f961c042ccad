"""What the DAGs of the race have in common: a way to run a Job is a DAG with one task, `job`.

The configuration of a run has `script`, what the container's shell runs, and `cold`, whether the task finds no cache.
Environment: BENCH_RECORDS, the file that gets two JSON lines each time a worker runs a task, with `way`, `run` and
`pid`: at the begin of the operator's code `began`, and at its end `ended`, seconds since the epoch, and `cpu`, seconds
of the processor since the process of the task was forked, its children's included; BENCH_NAMESPACE, with which the
namespaces of all ways begin.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator

IMAGE = "busybox:1.37"
COMMAND = ["sh", "-c", "{{ dag_run.conf['script'] }}"]
RUN = "{{ run_id }}"


def namespace(way: str) -> str:
    """That of all Jobs of a way."""
    return f"{os.environ['BENCH_NAMESPACE']}-{way}"


def recorded(operator: type[BaseOperator]) -> type[BaseOperator]:
    """The same operator, which leaves records."""

    class Recorded(operator):
        def execute(self, context: Any) -> Any:
            if context["dag_run"].conf.get("cold"):
                forget()
            with record(context):
                return super().execute(context)

        def resume_execution(self, *arguments: Any, **keywords: Any) -> Any:
            with record(keywords.get("context") or arguments[-1]):
                return super().resume_execution(*arguments, **keywords)

    return Recorded


@contextmanager
def record(context: Any) -> Iterator[None]:
    """Leaves the two lines."""
    about = {"way": context["dag"].dag_id, "run": context["run_id"], "pid": os.getpid()}
    write({**about, "began": time.time()})
    try:
        yield
    finally:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        write({**about, "ended": time.time(), "cpu": sum(each.ru_utime + each.ru_stime for each in used)})


def write(line: dict[str, Any]) -> None:
    """One call appends the line: several processes write."""
    with Path(os.environ["BENCH_RECORDS"]).open("a") as file:
        file.write(json.dumps(line) + "\n")


def forget() -> None:
    """Have this process and its children find no cache: those of kubectl, gcloud, the auth plugin and the toolkit."""
    directory = Path(tempfile.mkdtemp(prefix="cold-", dir=os.environ["TMPDIR"]))
    kubeconfig = shutil.copy(os.environ["KUBECONFIG"], directory)
    os.environ |= {"HOME": str(directory), "GKE_JOB_CACHE": str(directory / "cache"), "KUBECONFIG": kubeconfig}
    os.environ["CLOUDSDK_CONFIG"] = str(directory / "gcloud")


def dag(way: str, task: Callable[[str], BaseOperator]) -> DAG:
    """The DAG of a way; any number of its runs at once.

    :param task: makes the task, which runs its Jobs in a namespace
    """
    with DAG(way, schedule=None, is_paused_upon_creation=False, max_active_runs=1000, max_active_tasks=1000) as made:
        task(namespace(way))
    return made
