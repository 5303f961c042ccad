"""Finds the owner of an existing object whose name the manifest uses for an object of the Job.

command.py owned-object --plan DIRECTORY --object KIND/NAME --found FILE [--uid UID]

--found FILE: the object from `kubectl get --output json`; empty if it was removed. --uid UID: the uid of the Job.
stdout: gone | ours (the Job with this uid owns it, and its content is that of the manifest) | former (an earlier Job
of this task owns it). Exit code 65 if it has another owner or another content.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gke_jobs import exit_codes, labels
from gke_jobs.json_access import Json, dict_at, list_at, text_at
from gke_jobs.messages import ERROR, ScriptError, die, log
from gke_jobs.rendering.plan import read_plan


def evaluate(found: Json, planned: Json, *, name: str, identity: str, uid: str) -> str:
    """Return the word for an object. ScriptError if it has another owner or another content."""
    owners = [text_at(owner, "uid") for owner in list_at(found, "metadata", "ownerReferences")]
    if text_at(found, "metadata", "labels", labels.IDENTITY) != identity or not owners or not owners[0]:
        advice = "delete it, or give another --name"
        die(exit_codes.DATA, f"{name} exists and does not belong to a Job of this task: {advice}")
    if not uid or uid not in owners:
        return "former"
    if not contains(_content(found), _content(planned)):
        die(exit_codes.DATA, f"{name} exists with a content that differs from the manifest: delete it, and run again")
    return "ours"


def contains(found: Json, planned: Json) -> bool:
    """Whether the existing object contains the planned one. It also has defaults of the API server."""
    if not planned and not found:  # the API server leaves out {} and ""
        return True
    if isinstance(planned, dict):
        return isinstance(found, dict) and all(contains(found.get(key), value) for key, value in planned.items())
    if isinstance(planned, list):
        pairs = zip(found, planned, strict=False) if isinstance(found, list) else ()
        return isinstance(found, list) and len(found) == len(planned) and all(contains(*pair) for pair in pairs)
    return bool(found == planned)


def _content(document: Json) -> Json:
    outside = ("apiVersion", "kind", "metadata", "status")
    content = {key: value for key, value in dict_at({"it": document}, "it").items() if key not in outside}
    if text_at(document, "kind") == "ConfigMap":  # has no defaults, so additional content is a difference
        content["keys"] = sorted([*dict_at(document, "data"), *dict_at(document, "binaryData")])
    return content


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--object", required=True)
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--uid", default="")
    options = parser.parse_args()
    text = options.found.read_bytes()
    if not text.strip():
        print("gone")
        return 0
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        log(f"cannot read {options.object}: the answer of kubectl is not JSON")
        return exit_codes.UNREACHABLE
    plan = read_plan(options.plan)
    file = next(entry.file for entry in plan.owned if entry.object == options.object)
    planned = json.loads((options.plan / file).read_text())
    try:
        print(evaluate(found, planned, name=options.object, identity=plan.identity, uid=options.uid))
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    return 0
