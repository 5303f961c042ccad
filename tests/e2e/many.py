"""Many Jobs that only sleep, with GkeJobOperator that waits in a worker and with deferred GkeJobOperator."""

from __future__ import annotations

import os
from functools import partial

from many_jobs import IMAGE, dags

from gke_job import GkeJobOperator


def task(task_id: str, seconds: int, *, deferrable: bool) -> GkeJobOperator:
    resources = {"requests": {"cpu": "1m", "memory": "1Mi"}}
    return GkeJobOperator(
        task_id=task_id,
        template="batch-job",
        namespace=os.environ["NAMESPACE"],
        values={"image": IMAGE, "command": ["sleep", str(seconds)], "resources": resources},
        deferrable=deferrable,
    )


waiting = dags("waiting", partial(task, deferrable=False))
deferred = dags("deferred", partial(task, deferrable=True))
