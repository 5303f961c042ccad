"""Prints the next step for submit-job, as one line of checked words.

command.py submission CONNECTION --namespace NAME --job NAME --plan DIRECTORY [--created FILE | --unanswered]
                      [--interrupted SECONDS] [--on-change WHAT] [--escalate] [--fallback]
                      [--unreachable-timeout SECONDS] -- PROXY

--plan DIRECTORY: the output of render-job --output. The command also keeps its state between two calls there.
--created FILE: the answer to `kubectl create --raw`: the Job that this submit has created. --unanswered: this submit
may have created the existing Job, because its first try was not answered.
--interrupted SECONDS: print NAME NAMESPACE UID if this submit has created the Job, as far as can be found out in so
many seconds; print nothing if there is no Job. Exit code 69 if it is not known.

stdout: create | attach NAME NAMESPACE UID yes|no | replace UID | wait UID | render
With `render`, last-attempt.json in the directory of the plan is for render-job --last-attempt.
With `attach`, the files of the objects that the Job owns name it as their owner; `yes`: the caller must create them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.connection import jobs_path, pods_path
from gke_jobs.errors import ApiError, Verdict, classify
from gke_jobs.job_options import JobOptions, parse_job_options
from gke_jobs.json_access import count_at, is_uid, text_at
from gke_jobs.labels import CONTROLLER_UID
from gke_jobs.messages import ERROR, ScriptError, die, log
from gke_jobs.rendering import last_attempt
from gke_jobs.rendering.plan import Plan, read_plan, set_owner
from gke_jobs.submission.created import created_uid, is_of
from gke_jobs.submission.decisions import (
    Attach,
    Create,
    Decision,
    Memory,
    Refuse,
    Render,
    Replace,
    Request,
    Wait,
    created,
    decide,
    needs_pods,
)
from gke_jobs.submission.facts import Facts, read_facts

CLEARED = ("attach", "replace")  # what happens to the running Job of an earlier try when the task is cleared
MEMORY, LAST_ATTEMPT = "submission.json", "last-attempt.json"


def main() -> int:
    """Run the command."""
    try:
        options = parse_job_options(sys.argv[1:], _add_options)
        plan = read_plan(options.others.plan)
        line = _interrupted(options, plan) if options.others.interrupted else _step(options, plan)
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    if line:
        print(line)
    return 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--created", type=Path)
    parser.add_argument("--unanswered", action="store_true")
    parser.add_argument("--interrupted", type=float)
    parser.add_argument("--on-change", default="fail")
    parser.add_argument("--escalate", action="store_true")
    parser.add_argument("--fallback", action="store_true")


def _step(options: JobOptions, plan: Plan) -> str:
    others = options.others
    request = Request(
        name=plan.name,
        identity=plan.identity,
        hash=plan.hash,
        profile=plan.profile,
        is_manual=not os.environ.get("AIRFLOW_CTX_DAG_ID"),
        on_change=others.on_change,
        escalate=others.escalate,
        fallback=others.fallback,
        cleared=os.environ.get("GKE_JOB_CLEARED") in CLEARED,
        replaces_running=os.environ.get("GKE_JOB_CLEARED") == "replace",
        try_number=count_at({"try": os.environ.get("AIRFLOW_CTX_TRY_NUMBER", "")}, "try"),
    )
    memory = _read_memory(others.plan)
    if others.unanswered and memory.found is None:
        memory = Memory(found="")
    uid = created_uid(others.created, plan) if others.created else ""
    if uid:
        decision = created(uid, request, options.namespace, memory)
    else:
        decision = decide(_read(options, request), request, memory)
    content = json.dumps(vars(decision.memory))
    (others.plan / MEMORY).write_text(content)
    for message in decision.messages:
        log(message)
    return _line(decision, plan, options)


def _line(decision: Decision, plan: Plan, options: JobOptions) -> str:
    action = decision.action
    if isinstance(action, Create):
        return "create"
    if isinstance(action, Refuse):
        die(action.status, action.message)
    if isinstance(action, Render):
        file = options.others.plan / LAST_ATTEMPT
        last_attempt.write(action.last, file)
        return "render"
    if not is_uid(action.uid):
        die(exit_codes.UNREACHABLE, f"Job {plan.name} has no uid: the response is not from Kubernetes")
    if isinstance(action, Replace):
        return f"replace {action.uid}"
    if isinstance(action, Wait):
        return f"wait {action.uid}"
    assert isinstance(action, Attach)  # noqa: S101 # for mypy
    if action.complete_owned:
        set_owner(plan, options.others.plan, action.uid)
    return f"attach {plan.name} {options.namespace} {action.uid} {'yes' if action.complete_owned else 'no'}"


def _read(options: JobOptions, request: Request) -> Facts | None:
    job = options.reader.get(f"read Job {options.job}", jobs_path(options.namespace, options.job))
    if job is None:
        return None
    facts = read_facts(job, [])
    if not needs_pods(facts, request):
        return facts
    query = {"labelSelector": f"{CONTROLLER_UID}={facts.uid}"}
    return read_facts(
        job, options.reader.list(f"read the Pods of Job {options.job}", pods_path(options.namespace), query)
    )


def _interrupted(options: JobOptions, plan: Plan) -> str:
    others = options.others
    uid = created_uid(others.created, plan) if others.created else ""
    if not uid:
        try:
            job = options.connection.get_json(jobs_path(options.namespace, options.job), seconds=others.interrupted)
        except ApiError as error:
            if classify(error.answer).verdict is not Verdict.ABSENT:
                raise ScriptError(exit_codes.UNREACHABLE, f"Job {plan.name} could not be read") from None
            return ""
        uid = text_at(job, "metadata", "uid") if is_of(job, plan) else ""
    return f"{plan.name} {options.namespace} {uid}" if uid else ""


def _read_memory(directory: Path) -> Memory:
    try:
        content = json.loads((directory / MEMORY).read_text())
    except FileNotFoundError:
        return Memory()
    rendered = content.pop("rendered")
    return Memory(**content, rendered=(rendered[0], rendered[1]) if rendered else None)
