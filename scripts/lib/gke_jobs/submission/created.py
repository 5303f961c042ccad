"""Finds out whether submit-job has created the Job, from the answer to `kubectl create --raw`.

command.py created DIRECTORY NAMESPACE

DIRECTORY is the directory of the plan; its file `kubectl-output` contains the answer. This command makes the usual case
fast: it sends no request to the cluster and imports few modules. The command `submission` handles all other cases.

stdout: attach NAME NAMESPACE UID yes; nothing if the answer is incomplete or describes another Job.
"""

from __future__ import annotations

import json
import os
import sys

from gke_jobs import labels
from gke_jobs.json_access import Json, is_uid, text_at, true_conditions
from gke_jobs.messages import log
from gke_jobs.rendering.plan import Plan, read_plan, set_owner

ANSWER_FILE = "kubectl-output"


def main() -> int:
    """Run the command."""
    directory, namespace = sys.argv[1:]
    plan = read_plan(directory)
    if uid := created_uid(os.path.join(directory, ANSWER_FILE), plan):
        log(created_message(plan.name, namespace))
        set_owner(plan, directory, uid)
        print(f"attach {plan.name} {namespace} {uid} yes")
    return 0


def created_message(name: str, namespace: str) -> str:
    """Return the message about a Job that was created."""
    return f"created Job {name} in namespace {namespace}"


def created_uid(answer: str | os.PathLike[str], plan: Plan) -> str:
    """Return the uid of the Job in an answer of the API server; '' if it is incomplete, or describes another Job.

    An answer to the deletion of the previous Job, which is being deleted, is such another one.
    """
    try:
        with open(answer, "rb") as file:
            job = json.load(file)
    except (OSError, ValueError, RecursionError):
        return ""
    return text_at(job, "metadata", "uid") if is_job_of_plan(job, plan) and is_current(job) else ""


def is_current(job: Json) -> bool:
    """Whether a Job is neither finished nor being deleted: only then an interrupted run may delete it."""
    is_deleted = text_at(job, "metadata", "deletionTimestamp") != ""
    return not is_deleted and not {"Complete", "Failed", "SuccessCriteriaMet"} & {*true_conditions(job)}


def is_job_of_plan(job: Json, plan: Plan) -> bool:
    """Whether the name, identity and manifest hash of a Job are those of the plan."""
    return (
        text_at(job, "kind") == "Job"
        and text_at(job, "metadata", "name") == plan.name
        and text_at(job, "metadata", "labels", labels.IDENTITY) == plan.identity
        and text_at(job, "metadata", "annotations", labels.MANIFEST_HASH) == plan.hash
        and is_uid(text_at(job, "metadata", "uid"))
    )
