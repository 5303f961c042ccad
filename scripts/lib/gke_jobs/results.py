"""Prints the result of a Job: what its containers left in their termination message, as one line of JSON.

Usage: kubectl get pods --selector ... --output json | result.py [--completions N] [--succeeded N]

Without --completions: the message of the Pod that succeeded last. With it, for an Indexed Job of N completions: a list
in the order of the indexes. A message that is JSON is taken as it is, other text as a JSON string, none as null. Only
the first container of a Pod counts. --succeeded: how many Pods succeeded according to the Job; those of them that are
gone are said on stderr.

A message as long as Kubernetes lets it be was cut, unless it is whole JSON: that is no result, but an error, because
half a result would go on unnoticed.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, NoReturn

Json = Any  # what json.loads makes

MESSAGE_BYTES = 4096  # of a container
POD_BYTES = 12288  # of all containers of a Pod, in equal shares
INDEX = "batch.kubernetes.io/job-completion-index"
BAD_INPUT = 65


class ResultCutError(Exception):
    """Kubernetes has kept a part of the result only."""


def job_result(pods: list[dict[str, Json]], completions: int | None = None) -> Json:
    """Return the result of the Job that `pods`, those that succeeded, belong to; a list for `completions`.

    ResultCutError when Kubernetes has cut it.
    """
    pods = sorted(pods, key=lambda pod: _end(pod).get("finishedAt", ""))
    if completions is None:
        return _pod_result(pods[-1]) if pods else None
    by_index = {int(pod["metadata"]["annotations"][INDEX]): pod for pod in pods}
    return [_pod_result(by_index[index]) if index in by_index else None for index in range(completions)]


def succeeded(pods: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Return those of `pods`, from the Kubernetes API, that succeeded."""
    return [pod for pod in pods if pod.get("status", {}).get("phase") == "Succeeded"]


def _end(pod: dict[str, Json]) -> dict[str, Json]:
    """Tell how the Pod's first container ended (`ContainerStateTerminated`); empty when that is not known."""
    main = pod["spec"]["containers"][0]["name"]
    states = {status["name"]: status.get("state", {}) for status in pod["status"].get("containerStatuses", [])}
    end: dict[str, Json] = states.get(main, {}).get("terminated", {})
    return end


def _pod_result(pod: dict[str, Json]) -> Json:
    message = _end(pod).get("message", "")
    if not message.strip():
        return None
    try:
        value = json.loads(message, parse_constant=_refuse)
        _one_line(value)
    except ValueError:
        limit = _message_limit(pod)
        if len(message.encode(errors="replace")) >= limit:
            name = pod["metadata"]["name"]
            advice = "write larger results to object storage and leave their URI"
            raise ResultCutError(f"result cut at {limit} bytes, Pod {name}, {advice}") from None
        return message.removesuffix("\n")
    return value


def _message_limit(pod: dict[str, Json]) -> int:
    containers = len(pod["spec"]["containers"]) + len(pod["spec"].get("initContainers", []))
    return min(MESSAGE_BYTES, POD_BYTES // containers)


def _one_line(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def main() -> int:
    """Read a list of Pods on standard input and print the result; return the exit code."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--completions", type=int)
    parser.add_argument("--succeeded", type=int, default=0)
    options = parser.parse_args()
    try:
        pods = succeeded(json.load(sys.stdin.buffer)["items"])
    except (ValueError, LookupError, TypeError):
        print("no result, standard input is no list of Pods, pass `kubectl get pods --output json`", file=sys.stderr)
        return BAD_INPUT
    if missing := max(0, options.succeeded - len(pods)):
        said = f"{missing} of {options.succeeded} Pods that succeeded are gone, their results are missing"
        print(said, file=sys.stderr)
    try:
        print(_one_line(job_result(pods, options.completions)))
    except ResultCutError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    return 0
