"""What tests of the diagnosis share."""

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
