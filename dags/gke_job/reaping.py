"""The operator for orphan cleanup: it deletes Jobs whose task has ended or was removed."""

from __future__ import annotations

import json
import re
import tempfile
from typing import Any

from . import paths
from .compat import Context, task_states
from .operator import GkeJobOperator

FINISHED_STATES = ("Complete", "Failed", "Deleting")  # as list-jobs prints them
# A task instance in any other state, or in no state, has a try that runs or will run.
FINAL_STATES = ("success", "failed", "skipped", "upstream_failed", "removed")
MAP_INDEX = re.compile(r"-1|\d{1,9}", re.ASCII)
LOGGED_CHARACTERS = 250  # of an annotation of a Job


class ReapGkeJobs(GkeJobOperator):
    """Deletes the unfinished Jobs of this Airflow environment in one namespace whose task has ended or was removed.

    `list-jobs` lists the Jobs, Airflow returns the states of their task instances, and `reap-jobs` reads each Job again
    before it deletes it. It does not delete Jobs of tasks with `wait_for_completion=False`, Jobs of other environments,
    and Jobs that were created manually. The log lists the deleted Jobs.

    :param dry_run: only log which Jobs would be deleted (templated)
    :param kwargs: `cluster`, `namespace`, and the arguments of BashOperator
    """

    template_fields = ("cluster", "namespace", "is_dry_run")
    operator_extra_links = ()

    def __init__(self, *, dry_run: Any = True, **kwargs: Any) -> None:
        super().__init__(template="", **kwargs)
        self.is_dry_run = dry_run

    def execute(self, context: Context) -> None:
        """Runs list-jobs, gets the states of the tasks from Airflow, and runs reap-jobs for the orphans."""
        self.log.info("gke-job %s", paths.version())
        airflow_environment = self.get_env(context)["GKE_JOB_AIRFLOW_ENVIRONMENT"]
        jobs = json.loads(self._run(context, "list-jobs", namespace=self.namespace, json=True))
        ours = [
            job
            for job in jobs
            if job["environment"] == airflow_environment
            and job["state"] not in FINISHED_STATES
            and job["detached"] != "true"
        ]
        orphans = [job for job in ours if self._is_orphan(context, job)]
        self.log.info("%d Jobs; %d of them run for a task that has ended", len(jobs), len(orphans))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(orphans, file)
            file.flush()
            is_dry_run = str(self.is_dry_run).lower() != "false"
            self._run(context, "reap-jobs", jobs=file.name, airflow_environment=airflow_environment, dry_run=is_dry_run)

    def _is_orphan(self, context: Context, job: dict[str, str]) -> bool:
        """Returns whether the task instance of a Job has ended. Logs a Job that names no task instance."""
        map_index = job["map_index"]
        if not (job["dag_id"] and job["task_id"] and job["run_id"] and MAP_INDEX.fullmatch(map_index)):
            self.log.warning(
                "skipping Job %r: its annotations name no task instance: DAG %r, task %r, run %r, map index %r",
                *(_for_log(job[key]) for key in ("job", "dag_id", "task_id", "run_id", "map_index")),
            )
            return False
        tasks = [job["task_id"]]
        states = task_states(context["ti"], job["dag_id"], job["run_id"], int(map_index), tasks)
        return all(state in FINAL_STATES for state in states.values())


def _for_log(text: str) -> str:
    """Returns an annotation of a Job for the log with %r: short, without the marks of Airflow's log groups."""
    return text[:LOGGED_CHARACTERS].replace("::", ": :").replace("##", "# #")
