"""The core of the follower on drawn sequences of events: one right end, no clock missed, no line lost or repeated.

`make fuzz` tries 10,000 sequences, other runs the same few.
"""

import random

from cluster_model import Cluster
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gke_jobs.following.events import Changed, Finish, Kind, Lines, Listed, Tick
from hypothesis_profiles import examples

PAUSES = (  # one of these for each sequence, seconds
    (0.0, 0.0, 0.01, 0.3),
    (0.0, 0.0, 0.0, 0.01, 0.3, 1.0, 2.0, 5.0),
    (0.0, 0.3, 2.0, 5.0, 19.0, 70.0),
)


def run(cluster, steps):
    """Let the cluster do something so many times, with pauses."""
    rng = cluster.rng
    pauses, time_limit = rng.choice(PAUSES), rng.choice((1, 5))
    does = (
        cluster.step_job,
        *[cluster.step_pod] * 4 * time_limit,
        *[cluster.step_watch] * 10 * time_limit,
        *[cluster.step_log] * 10 * time_limit,
        *[cluster.step_write] * 4 * time_limit,
        *[cluster.step_events] * 3 * time_limit,
        *[cluster.step_foreign, cluster.step_garbage],
    )
    for _ in range(steps):
        if cluster.end is not None:
            return
        rng.choice(does)()
        cluster.at(cluster.now - cluster.start + rng.choice(pauses))
        cluster.check_clocks()


def finish(cluster):
    """Let the Job end in some way, and everything be answered; or nothing any more."""
    rng = cluster.rng
    if cluster.is_there and cluster.state not in ("Complete", "Failed"):
        ends = {
            "SuccessCriteriaMet": ("Complete",),
            "FailureTarget": ("Failed",),
        }  # no other may follow
        cluster.state = rng.choice(ends.get(cluster.state, ("Complete", "Failed")))
        cluster.change_job()
    answers_logs = rng.randrange(2)
    for _ in range(400):
        if cluster.end is not None:
            return
        for kind in Kind:
            channel = cluster.channels[kind]
            if channel.state == "listing":
                cluster.deliver(Listed(kind, cluster.present(kind), str(len(cluster.history))))
            elif channel.state == "watching":
                cluster.deliver_next(kind)
        if answers_logs:
            cluster.step_log()
        cluster.at(cluster.now - cluster.start + (0.001 if cluster.decided else 0.5))
        cluster.check_clocks()
    cluster.at(cluster.now - cluster.start + 20)


def check_logs(cluster):
    """Nothing printed twice, nothing lost of what was sent whole, nothing that the container has not written."""
    printed = {}
    for action in cluster.actions:
        for line in action.data.splitlines() if isinstance(action, Lines) else ():
            prefix, _, text = line.partition(b" | ")
            pod, _, container = prefix.decode().partition(" ")
            printed.setdefault((f"train-{pod}", container or "main"), []).append(text)
    for key, lines in printed.items():
        log = cluster.served[key]
        numbers = []
        for number, line in enumerate(lines):
            found = int(line.partition(b":")[0]) if b":" in line else len(numbers)
            whole = log.line(found)
            # The last one may be one that was given up in the middle.
            assert line == whole or (number == len(lines) - 1 and whole.startswith(line)), (line, whole)
            numbers.append(found)
        assert numbers == sorted(set(numbers)), numbers
        assert cluster.printed_whole.get(key, set()) <= set(numbers)
        if key in cluster.finished_logs:
            assert lines == [log.line(number) for number in range(len(log.lines))]
    for key, numbers in cluster.printed_whole.items():
        assert not numbers or key in printed


@settings(
    max_examples=examples(part=150, whole=10_000),
    suppress_health_check=[HealthCheck.too_slow],
)
@example(seed=411200, steps=16)  # the Job is listed long after its Pods
@given(seed=st.integers(0, 2**63), steps=st.integers(0, 300))
def test_any_sequence_of_events_has_one_right_end(seed, steps):
    cluster = Cluster(random.Random(seed))
    run(cluster, steps)
    finish(cluster)
    assert cluster.end is not None
    assert sum(isinstance(action, Finish) for action in cluster.actions) == 1
    assert isinstance(cluster.actions[-1], Finish)
    check_logs(cluster)
    after = Changed(Kind.JOB, "MODIFIED", cluster.job_json(state="Failed"))
    assert [action for event in (Tick(), after) for action in cluster.core.handle(event, cluster.now)] == []
