"""Recorded runs: what the follower has heard, as runs/NAME.json beside this file, and the timeline of it, NAME.txt;
priced/NAME.txt where its Job carries the price that is there.

Usage: recorded_runs.py record FILE CONNECTION OPTION... -- PROXY   # for `record`: follows a Job, as follow-job does
       recorded_runs.py texts   # writes every NAME.txt anew: read the diff before you commit it
"""

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNS = HERE / "runs"
sys.path += [str(HERE.parents[3] / "scripts/lib"), str(HERE.parent)]  # for those who start this file by itself

from recordings import load  # noqa: E402 # found on the path set above

from gke_jobs.diagnosis.causes import cause  # noqa: E402 # likewise
from gke_jobs.diagnosis.diagnosis import diagnose  # noqa: E402 # likewise
from gke_jobs.following import follower as shell  # noqa: E402 # likewise
from gke_jobs.following.clocks import Limits  # noqa: E402 # likewise
from gke_jobs.following.core import Follower  # noqa: E402 # likewise
from gke_jobs.following.events import Changed, Kind, Listed, Tick  # noqa: E402 # likewise
from gke_jobs.following.settings import Settings  # noqa: E402 # likewise
from gke_jobs.job_options import parse_job_options  # noqa: E402 # likewise
from gke_jobs.price import Price  # noqa: E402 # likewise
from gke_jobs.timeline.pod_history import PodHistory  # noqa: E402 # likewise
from gke_jobs.timeline.record_builder import INTERRUPTED, End, make_record  # noqa: E402 # likewise
from gke_jobs.timeline.text import text  # noqa: E402 # likewise

CLUSTER = "my-project/europe-west4/ml-cluster"  # the name that the recorded one has here
NAMES = sorted({file.stem for file in RUNS.glob("*.json")} | {"out_of_memory", "quota"})
# What the stand-in cannot do was recorded for the diagnosis on a real cluster: a last list. Its case, and how the run
# ended: exit code, verdict, seconds after the list.
QUOTA_VERDICT = "Job train has no Pods, because a quota prevents their creation: --schedule-timeout has expired"
LOOKS = {
    "out_of_memory": ("out_of_memory", 1, "Job train failed: Job has reached the specified backoff limit", 0),
    "quota": ("quota_exceeded", 124, QUOTA_VERDICT, 30),
}
DELETED = {"bad_image", "gang_waiting", "kill", "timeout"}  # by a run-job around the follower
PRICED = {
    "preemption": Price("EUR", on_demand="7.2", spot="2.4"),
    "indexed": Price("EUR", on_demand="0.9"),
    "timeout": Price("EUR", on_demand="3.6"),
    "retry": Price("EUR", spot="0.31"),  # which asks for no spot nodes
}
KEPT = {  # of objects
    **dict.fromkeys(("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "annotations", "labels")),
    **dict.fromkeys(("nodeName", "nodeSelector", "containers", "image", "resources", "template", "parallelism")),
    **dict.fromkeys(("completions", "completionMode", "backoffLimit", "metadata", "spec", "status", "ownerReferences")),
    **dict.fromkeys(("phase", "conditions", "containerStatuses", "type", "reason", "message", "lastTransitionTime")),
    **dict.fromkeys(("state", "lastState", "restartCount", "active", "succeeded", "failed", "failedIndexes")),
    **dict.fromkeys(("startTime", "kind", "controller", "running", "terminated", "waiting", "exitCode")),
    **dict.fromkeys(("startedAt", "finishedAt")),
}
WHOLE = {"annotations", "labels", "nodeSelector", "resources"}  # whose keys are names


def slim(value):
    if isinstance(value, list):
        return [slim(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: item if key in WHOLE else slim(item) for key, item in value.items() if key in KEPT}


def replay(name):
    """Return the record of a run."""
    if name in LOOKS:
        return _look(*LOOKS[name])
    recorded = json.loads((RUNS / f"{name}.json").read_text())
    end, events = recorded["end"], recorded["events"]
    limits = Limits(timeout=None, schedule=None, start=None, heartbeat=1e6)
    settings = Settings(
        job=recorded["job"],
        namespace="default",
        uid=recorded["uid"],
        limits=limits,
        unreachable=1e6,
        max_log_streams=1,
        logs="none",
    )
    follower = Follower(settings, events[0]["at"])
    for event in events:
        kind = Kind[event["kind"]]
        if event["change"] == "LISTED":
            heard = Listed(kind, event["items"], "1")
        else:
            heard = Changed(kind, event["change"], event["items"][0])
        follower.handle(Tick(), event["at"])
        follower.handle(heard, event["at"])
    why = End(**{key: end[key] for key in ("status", "reason", "cause", "advice")}, deleted=name in DELETED)
    return make_record(
        follower.job_json, follower.pods.runs, why, end["at"], cluster=recorded["cluster"], log_bytes=end["log_bytes"]
    )


def priced(name):
    """Return the record of a run whose Job carries a price."""
    made = replay(name)
    identity = replace(made.identity, profile="gpu-l4")
    return replace(made, identity=identity, price=PRICED[name].to_text())


def ending(record):
    """Return the end of the log of a run, without the line of the summary."""
    program = "run-job" if record.outcome == INTERRUPTED else "follow-job"
    return f"{text(record)}{program}: {record.reason}\n"


def _look(case, status, reason, seconds):
    seen, runs = load(case), PodHistory()
    for pod in seen.pods:
        runs.change(pod, is_deleted=False, now=seen.now.timestamp())
    lines = diagnose(seen).splitlines()
    advice = next((line.removeprefix("advice: ") for line in lines if line.startswith("advice: ")), "")
    why = End(status=status, reason=reason, cause=cause(seen), advice=advice)
    return make_record(seen.job, runs, why, seen.now.timestamp() + seconds, cluster=CLUSTER)


class Recorder(Follower):
    """A follower that writes down the events that it gets."""

    events, settings = [], None

    def __init__(self, settings, now, before=None):
        Recorder.settings = settings
        super().__init__(settings, now, before)

    def handle(self, event, now):
        if isinstance(event, Listed | Changed):
            items, change = (event.items, "LISTED") if isinstance(event, Listed) else ([event.item], event.change)
            heard = {"at": now + self.settings.epoch, "kind": event.kind.name, "change": change}
            if change != "BOOKMARK":
                self.events.append({**heard, "items": slim(list(items))})
        return super().handle(event, now)


def record(file, argv):
    def leave(**end):
        uid = next(
            item["metadata"]["uid"] for event in Recorder.events if event["kind"] == "JOB" for item in event["items"]
        )
        head = {"job": Recorder.settings.job, "uid": uid, "cluster": CLUSTER}
        lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in Recorder.events)
        ended = {"at": time.time(), "status": 143, "reason": "the run was interrupted", "cause": "", "advice": ""}
        end = json.dumps({**ended, "log_bytes": 0, **end})
        file.write_text(f'{json.dumps(head)[:-1]},\n"end": {end},\n"events": [\n{lines}\n]}}\n')

    def note(made):
        leave(**{key: getattr(made, key) for key in ("status", "reason", "cause", "advice", "log_bytes")})

    def interrupted(*_):
        leave()
        os._exit(143)

    signal.signal(signal.SIGTERM, interrupted)
    shell.Follower, shell.print_end = Recorder, note
    return shell.follow(parse_job_options(argv, shell._add_options))


if __name__ == "__main__":
    if sys.argv[1] == "record":
        sys.exit(record(Path(sys.argv[2]), sys.argv[3:]))
    for name in NAMES:
        (RUNS / f"{name}.txt").write_text(ending(replay(name)))
    for name in PRICED:
        (RUNS / "priced" / f"{name}.txt").write_text(ending(priced(name)))
