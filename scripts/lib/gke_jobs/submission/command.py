"""Prints the next step for submit-job on one line.

command.py submission CONNECTION --namespace NAME --job NAME --plan DIRECTORY [--created FILE | --unanswered]
                      [--interrupted SECONDS] [--on-change WHAT] [--escalate] [--fallback]
                      [--unreachable-timeout SECONDS] -- PROXY

--plan DIRECTORY: the output of render-job --output. The command also stores its state for the next call there.
--created FILE: the answer to `kubectl create --raw`: the Job that this submit-job has created. --unanswered: this
submit-job may have created the existing Job, because its first try got no answer.
--interrupted SECONDS: print NAME NAMESPACE UID if this submit-job has created the Job; print nothing if the Job does
not exist. Exit code 69 if the cluster does not answer within this time.

stdout: create | attach NAME NAMESPACE UID yes|no | replace UID | wait UID | render
`attach`: the files of the objects that the Job owns now name it as their owner; `yes`: the caller must create them.
`render`: the caller must run render-job with --last-attempt last-attempt.json, a file in the directory of the plan.
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
from gke_jobs.submission.created import created_uid, is_current, is_job_of_plan
from gke_jobs.submission.decisions import (
    Attach,
    Create,
    Decision,
    Refuse,
    Render,
    Replace,
    Request,
    SubmitState,
    Wait,
    created,
    decide,
    needs_pods,
)
from gke_jobs.submission.facts import Facts, read_facts

CLEARED = ("attach", "replace")  # values of GKE_JOB_CLEARED for a task that was cleared
STATE_FILE, LAST_ATTEMPT_FILE = "submission.json", "last-attempt.json"


def main() -> int:
    """Run the command."""
    try:
        options = parse_job_options(sys.argv[1:], _add_options)
        plan = read_plan(options.others.plan)
        line = _find_created_job(options, plan) if options.others.interrupted else _next_step(options, plan)
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


def _next_step(options: JobOptions, plan: Plan) -> str:
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
    state = _read_state(others.plan)
    if others.unanswered and state.found is None:
        state = SubmitState(found="")
    uid = created_uid(others.created, plan) if others.created else ""
    if uid:
        decision = created(uid, request, options.namespace, state)
    else:
        decision = decide(_read_existing_job(options, request), request, state)
    content = json.dumps(vars(decision.state))
    (others.plan / STATE_FILE).write_text(content)
    for message in decision.messages:
        log(message)
    return _output_line(decision, plan, options)


def _output_line(decision: Decision, plan: Plan, options: JobOptions) -> str:
    action = decision.action
    if isinstance(action, Create):
        return "create"
    if isinstance(action, Refuse):
        die(action.status, action.message)
    if isinstance(action, Render):
        file = options.others.plan / LAST_ATTEMPT_FILE
        last_attempt.write(action.last, file)
        return "render"
    if not is_uid(action.uid):
        die(
            exit_codes.UNREACHABLE,
            f"cannot read Job {plan.name}: the response has no uid, so it is not from Kubernetes",
        )
    if isinstance(action, Replace):
        return f"replace {action.uid}"
    if isinstance(action, Wait):
        return f"wait {action.uid}"
    assert isinstance(action, Attach)  # noqa: S101 # for mypy
    if action.creates_owned:
        set_owner(plan, options.others.plan, action.uid)
    return f"attach {plan.name} {options.namespace} {action.uid} {'yes' if action.creates_owned else 'no'}"


def _read_existing_job(options: JobOptions, request: Request) -> Facts | None:
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


def _find_created_job(options: JobOptions, plan: Plan) -> str:
    others = options.others
    uid = created_uid(others.created, plan) if others.created else ""
    if not uid:
        try:
            job = options.connection.get_json(jobs_path(options.namespace, options.job), seconds=others.interrupted)
        except ApiError as error:
            if classify(error.answer).verdict is not Verdict.ABSENT:
                raise ScriptError(exit_codes.UNREACHABLE, f"Job {plan.name} could not be read") from None
            return ""
        uid = text_at(job, "metadata", "uid") if is_job_of_plan(job, plan) and is_current(job) else ""
    return f"{plan.name} {options.namespace} {uid}" if uid else ""


def _read_state(directory: Path) -> SubmitState:
    try:
        content = json.loads((directory / STATE_FILE).read_text())
    except FileNotFoundError:
        return SubmitState()
    rendered = content.pop("rendered")
    return SubmitState(**content, rendered=(rendered[0], rendered[1]) if rendered else None)
