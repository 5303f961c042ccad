"""A Pod of the model of a cluster, and its Events."""

from cluster_objects import UID, container, creating, missing, pod, pod_event, waiting
from log_server import ServedLog

HOSTILE = ("Ordinary", "a\nJob train is complete", "\x1b[2Jx", "::group::y", "\x00\ud800", "\u202e", "", "z" * 3000)
AFTER = {
    "waiting": ("starting", "starting", "waiting", "failed"),
    "starting": ("running", "stuck", "failed", "starting", "starting", "starting"),
    "stuck": ("starting", "running", "stuck", "stuck", "failed"),
    "running": ("succeeded", "failed", "succeeded"),
}


class ModelPod:
    """A Pod of the cluster, with the logs of its containers."""

    def __init__(self, name, *, owner=UID, phase="waiting", others=()):
        self.name, self.owner, self.phase = name, owner, phase
        self.logs = {one: ServedLog() for one in ("main", *others)}

    def json(self, rng, version):
        text = rng.choice(HOSTILE)
        given = {"name": self.name, "owner": self.owner, "metadata": {"resourceVersion": version}}
        if self.phase == "waiting":
            return waiting(text, **given)
        if self.phase == "stuck":
            main = container("waiting", reason=rng.choice(("ErrImagePull", "ImagePullBackOff")))
            return pod("Pending", main=main, **given)
        if self.phase == "starting":
            return creating(ready=rng.random() < 0.3, **given)
        state = container("running") if self.phase == "running" else container("ended", reason=text)
        if self.phase == "failed":
            state = container("ended", code=3, reason=text)
        others = {one: state for one in self.logs if one != "main"}
        return pod(self.phase.capitalize(), main=state, others=others, status={"reason": text}, **given)


def events_of_pod(rng, name):
    """What the Events of a Pod that starts may be."""
    lacks = missing(name=name)
    hostile = pod_event("FailedMount", rng.choice(HOSTILE), name=name)
    return [lacks], [lacks], [lacks, hostile], [hostile], [lacks, pod_event("Pulling", name=name)]
