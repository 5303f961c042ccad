"""Finds out whether submit-job has created the Job, from the answer to `kubectl create --raw`.

command.py created DIRECTORY NAMESPACE

DIRECTORY is that of the plan, and has the answer in the file `changed`. To keep the usual submit short, the command
sends no request to the cluster and imports little; the command `submission` handles all other cases.

stdout: attach NAME NAMESPACE UID yes; nothing if the answer is not complete or not about our Job.
"""

from __future__ import annotations

import json
import os
import sys

from gke_jobs import labels
from gke_jobs.json_access import Json, is_uid, text_at
from gke_jobs.messages import log
from gke_jobs.rendering.plan import Plan, read_plan, set_owner

ANSWER = "changed"


def main() -> int:
    """Run the command."""
    directory, namespace = sys.argv[1:]
    plan = read_plan(directory)
    if uid := created_uid(os.path.join(directory, ANSWER), plan):
        log(created_message(plan.name, namespace))
        set_owner(plan, directory, uid)
        print(f"attach {plan.name} {namespace} {uid} yes")
    return 0


def created_message(name: str, namespace: str) -> str:
    """Return the message about a Job that was created."""
    return f"created Job {name} {namespace}"


def created_uid(answer: str | os.PathLike[str], plan: Plan) -> str:
    """Return the uid of the Job in an answer of the API server; '' if it is not complete or not about our Job."""
    try:
        with open(answer, "rb") as file:
            job = json.load(file)
    except (OSError, ValueError, RecursionError):
        return ""
    return text_at(job, "metadata", "uid") if is_of(job, plan) else ""


def is_of(job: Json, plan: Plan) -> bool:
    """Whether this is the Job of the plan, by name, identity and manifest hash."""
    return (
        text_at(job, "kind") == "Job"
        and text_at(job, "metadata", "name") == plan.name
        and text_at(job, "metadata", "labels", labels.IDENTITY) == plan.identity
        and text_at(job, "metadata", "annotations", labels.MANIFEST_HASH) == plan.hash
        and is_uid(text_at(job, "metadata", "uid"))
    )
