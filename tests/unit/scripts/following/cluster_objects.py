"""Jobs and Pods as the API server sends them, and a driver that calls the core as the shell does."""

from __future__ import annotations

from gke_jobs.errors import Answer
from gke_jobs.following.clocks import Limits, Waited
from gke_jobs.following.core import Follower
from gke_jobs.following.events import Changed, Finish, Kind, Lines, Listed, Message, Tick
from gke_jobs.following.settings import Settings

UID = "0f0f0f0f-0000-4000-8000-000000000001"
STAMP = "2026-01-02T03:04:05Z"


def job(*conditions, uid=UID, name="train", spec=(), status=(), metadata=()):
    """A Job; a condition is a type, or a type and a reason."""
    found = [(one, "Because") if isinstance(one, str) else one for one in conditions]
    return {
        "metadata": {"name": name, "uid": uid, "resourceVersion": "7", **dict(metadata)},
        "spec": {"parallelism": 1, "completions": 1, "backoffLimit": 2, **dict(spec)},
        "status": {
            "startTime": STAMP,
            "conditions": [{"type": kind, "status": "True", "reason": reason} for kind, reason in found],
            **dict(status),
        },
    }


def container(state, *, code=0, reason="", restarts=0):
    """A state of a container: running, ended, waiting or new."""
    states = {
        "running": {"running": {"startedAt": STAMP}},
        "ended": {"terminated": {"exitCode": code, "reason": reason, "finishedAt": STAMP}},
        "waiting": {"waiting": {"reason": reason}},
        "new": {},
    }
    return {"state": states[state], "restartCount": restarts}


def pod(phase, *, name="train-abcde", uid="", node="node-1", owner=UID, main=None, others=(), status=(), metadata=()):
    """A Pod with the container `main`, and others by name."""
    if main is None:
        states = {"Running": "running", "Succeeded": "ended", "Failed": "ended"}
        main = container(states.get(phase, "new"), code=int(phase == "Failed"))
    statuses = {"main": main, **dict(others)}
    return {
        "metadata": {
            "name": name,
            "uid": uid or f"uid-of-{name}",
            "ownerReferences": [{"kind": "Job", "uid": owner, "controller": True}],
            "creationTimestamp": STAMP,
            **dict(metadata),
        },
        "spec": {"nodeName": node, "containers": [{"name": name} for name in statuses]},
        "status": {
            "phase": phase,
            "containerStatuses": [{"name": name, **state} for name, state in statuses.items()],
            **dict(status),
        },
    }


def waiting(words="0/3 nodes are available", **given):
    """A Pod that no node takes."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    return pod("Pending", node="", status={"conditions": [condition]}, **given)


def stuck(reason="ImagePullBackOff", **given):
    """A Pod that cannot be started."""
    return pod("Pending", main=container("waiting", reason=reason), **given)


def failed_create(message, time=STAMP):
    """An Event of the Job controller."""
    return {
        "involvedObject": {"uid": UID},
        "reason": "FailedCreate",
        "message": f"Error creating: {message}",
        "lastTimestamp": time,
    }


def creating(*, ready=False, **given):
    """A Pod that is starting on its node; ready: its volumes and its network are."""
    condition = {"type": "PodReadyToStartContainers", "status": str(ready), "lastTransitionTime": STAMP}
    main = container("waiting", reason="ContainerCreating")
    return pod("Pending", main=main, status={"conditions": [condition]}, **given)


def pod_event(reason, message="", *, name="train-abcde", time=STAMP):
    """An Event of a Pod."""
    return {
        "involvedObject": {"uid": f"uid-of-{name}"},
        "reason": reason,
        "message": message,
        "lastTimestamp": time,
    }


def missing(kind="secret", what="keys", **given):
    """An Event of a Pod a volume of which is a Secret or ConfigMap that is not there."""
    return pod_event("FailedMount", f'MountVolume.SetUp failed for volume "v" : {kind} "{what}" not found', **given)


def status(code, reason="", message="it is so"):
    """An error of the API server."""
    return Answer(code=code, reason=reason, message=message)


NO_ANSWER = Answer(code=None, reason="", message="no answer: connection refused")
UNREACHABLE = 600.0
GARBAGE = (None, 7, "x", [], {}, {"metadata": {"name": "train"}}, {"metadata": []}, {"status": {"conditions": 1}})


class Driver:
    """Calls the core with events at times, and with a Tick exactly when it asks for one. before: of a check."""

    def __init__(
        self,
        *,
        uid=UID,
        is_poll=False,
        logs="all",
        streams=10,
        unreachable=UNREACHABLE,
        start_at=54321.0,
        before=None,
        waited=(),
        **limits,
    ):
        given = {"timeout": None, "schedule": None, "start": 300.0, "heartbeat": 1e6, **limits}
        self.settings = Settings(
            job="train",
            namespace="ml",
            uid=uid,
            limits=Limits(**given),
            unreachable=unreachable,
            max_log_streams=streams,
            logs=logs,
            is_poll=is_poll,
            waited=Waited(**dict(waited)),
        )
        self.start = self.now = start_at
        self.core = Follower(self.settings, start_at, before)
        self.actions = []
        self.give(Tick())

    def give(self, *events):
        """Give events now; return the actions."""
        done = [action for event in events for action in self.core.handle(event, self.now)]
        self.actions += done
        return done

    def at(self, time, *events):
        """Let time pass to so many seconds after the begin, then give events; return all actions since."""
        time += self.start
        done, ticks = [], 0
        while self.end is None and (due := self.core.deadline()) is not None and due <= time:
            ticks = ticks + 1 if due <= self.now else 0
            assert ticks < 3, "the core asks for a Tick again and again at the same time"
            self.now = max(self.now, due)
            done += self.give(Tick())
        if self.end is None:
            self.now = max(self.now, time)
        return done + self.give(*events)

    def job(self, item, change="MODIFIED"):
        """Give an event of the Job."""
        return self.give(Changed(Kind.JOB, change, item))

    def pod(self, item, change="MODIFIED"):
        """Give an event of a Pod."""
        return self.give(Changed(Kind.PODS, change, item))

    def listed(self, jobs=(), pods=()):
        """Give both lists."""
        return self.give(Listed(Kind.JOB, list(jobs), "5"), Listed(Kind.PODS, list(pods), "5"))

    @property
    def end(self):
        """The Finish, None as long as there is none."""
        return next((action for action in self.actions if isinstance(action, Finish)), None)

    @property
    def ended_after(self):
        """Seconds from the begin to the end, and the exit code."""
        return (round(self.now - self.start, 6), self.end.status) if self.end else None

    @property
    def messages(self):
        """All messages."""
        return [action.text for action in self.actions if isinstance(action, Message)]

    @property
    def lines(self):
        """All log lines."""
        return b"".join(action.data for action in self.actions if isinstance(action, Lines)).decode().splitlines()


def followed(*conditions, pods=(), **given):
    """A wait in which the Job has been listed."""
    driver = Driver(**given)
    driver.listed([job(*conditions)], pods)
    return driver


def texts(actions):
    """The messages among actions."""
    return [action.text for action in actions if isinstance(action, Message)]
