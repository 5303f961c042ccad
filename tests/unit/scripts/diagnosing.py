"""What tests of the diagnosis share."""

from copy import deepcopy
from datetime import timedelta


def event(seen, obj, reason, message, *, kind="Warning", ago=0, **fields):
    time = (seen.now - timedelta(seconds=ago)).isoformat()
    return {
        "metadata": {"creationTimestamp": time},
        "involvedObject": {"kind": obj.get("kind"), "name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"]},
        "type": kind,
        "reason": reason,
        "message": message,
        "lastTimestamp": time,
        **fields,
    }


def advice(text):
    return [line.removeprefix("advice: ") for line in text.splitlines() if line.startswith("advice: ")]


def pods_with_exit_codes(seen, codes):
    """Pods like the failed one that was seen, each a second older than the one before."""
    pods = []
    for number, code in enumerate(codes):
        pod = deepcopy(seen.pods[0])
        pod["metadata"].update(name=f"train-{number:05}", uid=f"uid-{number}")
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        ended.update(exitCode=code, finishedAt=(seen.now - timedelta(seconds=number)).isoformat())
        pods.append(pod)
    return pods
