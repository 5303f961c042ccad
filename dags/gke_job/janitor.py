"""The operator that deletes Jobs whose task is gone."""

from __future__ import annotations

import json
import re
import tempfile
from typing import Any

from . import paths
from .compat import Context, task_states
from .operator import GkeJobOperator

FINISHED = ("Complete", "Failed", "Deleting")  # of list-jobs
# A task instance in any other state, or in none, has a try that runs or will come.
OVER = ("success", "failed", "skipped", "upstream_failed", "removed")
MAP_INDEX = re.compile(r"-1|\d{1,9}", re.ASCII)
MAX_LOGGED = 250  # characters of what a Job says of itself


class ReapGkeJobs(GkeJobOperator):
    """Deletes the unfinished Jobs of this Airflow environment in one namespace whose task instance is over or removed.

    A Job of a task with `wait_for_completion=False` is none of them.

    `list-jobs` tells which Jobs there are, Airflow whose tasks are over, and `reap-jobs` looks at each once more before
    it deletes it. Jobs of other environments, and those made by hand, are not touched. The log tells what was done.

    :param dry_run: only say what would be deleted (templated)
    :param kwargs: `cluster`, `namespace`, and as for BashOperator
    """

    template_fields = ("cluster", "namespace", "only_say")
    operator_extra_links = ()

    def __init__(self, *, dry_run: Any = True, **kwargs: Any) -> None:
        super().__init__(template="", **kwargs)
        self.only_say = dry_run

    def execute(self, context: Context) -> None:
        """Runs list-jobs, asks Airflow, runs reap-jobs."""
        self.log.info("gke-job %s", paths.version())
        environment = self.get_env(context)["GKE_JOB_AIRFLOW_ENVIRONMENT"]
        jobs = json.loads(self._run(context, "list-jobs", namespace=self.namespace, json=True))
        ours = [
            job
            for job in jobs
            if job["environment"] == environment and job["state"] not in FINISHED and job["detached"] != "true"
        ]
        orphans = [job for job in ours if self._is_orphan(context, job)]
        self.log.info("%d Jobs, of which %d run for a task that is over", len(jobs), len(orphans))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(orphans, file)
            file.flush()
            only_say = str(self.only_say).lower() != "false"
            self._run(context, "reap-jobs", jobs=file.name, airflow_environment=environment, dry_run=only_say)

    def _is_orphan(self, context: Context, job: dict[str, str]) -> bool:
        """Whether the task instance of a Job is over, says Airflow. A Job that names none is logged and left alone."""
        map_index = job["map_index"]
        if not (job["dag_id"] and job["task_id"] and job["run_id"] and MAP_INDEX.fullmatch(map_index)):
            self.log.warning(
                "leaving Job %r alone: its annotations name no task instance: DAG %r, task %r, run %r, map index %r",
                *(_said(job[key]) for key in ("job", "dag_id", "task_id", "run_id", "map_index")),
            )
            return False
        tasks = [job["task_id"]]
        states = task_states(context["ti"], job["dag_id"], job["run_id"], int(map_index), tasks)
        return all(state in OVER for state in states.values())


def _said(text: str) -> str:
    """Return what a Job says of itself, fit for the log with %r: short, without the marks of a group."""
    return text[:MAX_LOGGED].replace("::", ": :").replace("##", "# #")
