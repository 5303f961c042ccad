"""Prints the result of a Job: what its containers left in their termination message, as one line of JSON.

Usage: kubectl get pods --selector ... --output json | result.py [--completions N]

Without --completions: the message of the Pod that succeeded last. With it, for an Indexed Job of N completions: a list
in the order of the indexes. A message that is JSON is taken as it is, other text as a JSON string, none as null. Only
the first container of a Pod counts.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, NoReturn

Json = Any  # what json.loads makes

MESSAGE_LIMIT = 4096  # bytes; Kubernetes cuts a longer message
INDEX = "batch.kubernetes.io/job-completion-index"
BAD_INPUT = 65


def job_result(pods: list[dict[str, Json]], completions: int | None = None) -> Json:
    """Return the result of the Job that `pods` (from the Kubernetes API) belong to; a list for `completions`."""
    succeeded = [pod for pod in pods if pod.get("status", {}).get("phase") == "Succeeded"]
    succeeded.sort(key=lambda pod: _end(pod).get("finishedAt", ""))
    if completions is None:
        return _pod_result(succeeded[-1]) if succeeded else None
    by_index = {int(pod["metadata"]["annotations"][INDEX]): pod for pod in succeeded}
    return [_pod_result(by_index[index]) if index in by_index else None for index in range(completions)]


def _end(pod: dict[str, Json]) -> dict[str, Json]:
    """Tell how the Pod's first container ended (`ContainerStateTerminated`); empty when that is not known."""
    main = pod["spec"]["containers"][0]["name"]
    states = {status["name"]: status.get("state", {}) for status in pod["status"].get("containerStatuses", [])}
    end: dict[str, Json] = states.get(main, {}).get("terminated", {})
    return end


def _pod_result(pod: dict[str, Json]) -> Json:
    message = _end(pod).get("message", "").removesuffix("\n")
    if not message.strip():
        return None
    try:
        value = json.loads(message, parse_constant=_refuse)
        _one_line(value)
    except ValueError:
        if len(message.encode(errors="replace")) >= MESSAGE_LIMIT - 1:
            name = pod["metadata"]["name"]
            advice = "write larger results to object storage and leave their URI"
            print(f"result cut at {MESSAGE_LIMIT} bytes, Pod {name}, {advice}", file=sys.stderr)
        return message
    return value


def _one_line(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def main() -> int:
    """Read a list of Pods on standard input and print the result; return the exit code."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--completions", type=int)
    options = parser.parse_args()
    try:
        pods = json.load(sys.stdin.buffer)["items"]
    except (ValueError, LookupError, TypeError):
        print("no result, standard input is no list of Pods, pass `kubectl get pods --output json`", file=sys.stderr)
        return BAD_INPUT
    print(_one_line(job_result(pods, options.completions)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
