"""Checks at drawn moments, each in another process: over all of them no line of a log is lost or repeated.

`make fuzz` tries 10,000 sequences, other runs the same few.
"""

import random

from cluster_objects import UID, Driver, container, job, pod, status
from hypothesis import given, settings
from hypothesis import strategies as st
from log_server import ServedLog, ServedStream

from gke_jobs.following import check_state
from gke_jobs.following.events import EventsRead, Finish, Lines, LogEnded, LogPiece, ReadEvents, StartLog, StopLog
from hypothesis_profiles import examples


class Containers:
    """The Pods of a Job, each with one container, and what they have written."""

    def __init__(self, rng):
        self.rng = rng
        self.logs = {f"train-{number}": ServedLog() for number in range(rng.choice((1, 2, 5)))}
        self.now = 0.0

    def write(self):
        """Let some containers write, and some end."""
        for log in self.logs.values():
            for _ in range(self.rng.choice((0, 0, 1, 3, 40))):
                if not log.has_ended:
                    log.write(self.rng, self.now)
            log.has_ended = log.has_ended or self.rng.randrange(6) == 0
        self.now += self.rng.choice((0.0, 0.3, 1.0, 90.0))

    def pods(self):
        return [
            pod("Running", name=name)
            if not log.has_ended
            else pod("Succeeded", name=name, main=container("ended", code=0))
            for name, log in self.logs.items()
        ]


class Check(Driver):
    """One check, whose log requests are answered in pieces, now and then not to their end."""

    def __init__(self, containers, before, *, is_last):
        self.containers, self.rng, self.is_last = containers, containers.rng, is_last
        self.open = {}
        super().__init__(before=before, streams=self.rng.choice((1, 2, 10)), start_at=containers.now)
        state = job(*(["Complete"] if is_last else []), spec={"parallelism": 5, "completions": 5})
        self.listed([state], containers.pods())
        for _ in range(20_000):
            if self.end is not None:
                return
            self.step()
        raise AssertionError("the check does not end")

    def give(self, *events):
        done = super().give(*events)
        for action in done:
            if isinstance(action, StartLog):
                assert not action.follows
                log = self.containers.logs[action.stream.pod]
                self.open[action.stream] = ServedStream(log, action.since, is_last=True)
            elif isinstance(action, StopLog):
                del self.open[action.stream]
            elif isinstance(action, ReadEvents):
                done += self.give(EventsRead(action.uid, []))
        return done

    def step(self):
        """Answer one log request, or let time pass."""
        if not self.open:
            self.at(self.now - self.start + 0.5)
            return
        stream = self.rng.choice(list(self.open))
        served = self.open[stream]
        if not self.is_last and self.rng.randrange(60) == 0:
            self.at(self.now - self.start + 70)  # nothing comes any more
        elif not self.is_last and self.rng.randrange(40) == 0:
            del self.open[stream]
            self.give(LogEnded(stream, status(500)))
        elif data := served.next(self.rng):
            self.give(LogPiece(stream, data))
        else:
            del self.open[stream]
            self.give(LogEnded(stream, None))


@settings(max_examples=examples(part=150, whole=10_000))
@given(seed=st.integers(0, 2**63), checks=st.integers(0, 12))
def test_over_any_checks_no_line_is_lost_or_repeated(tmp_path_factory, seed, checks):
    file = tmp_path_factory.mktemp("state") / "state"
    containers = Containers(random.Random(seed))
    printed = {name: [] for name in containers.logs}
    for number in range(checks + 1):
        is_last = number == checks
        containers.write()
        check = Check(containers, check_state.read(file, UID), is_last=is_last)
        containers.now = max(containers.now, check.now)
        assert [type(one) for one in check.actions].count(Finish) == 1
        assert check.end.status == (0 if is_last else 75)
        for action in check.actions:
            for line in action.data.splitlines() if isinstance(action, Lines) else ():
                prefix, _, text = line.partition(b" | ")
                printed[f"train-{prefix.decode()}"].append(text)
        check_state.write(file, UID, check.core.check_state())
    for name, log in containers.logs.items():
        assert printed[name] == [log.line(number) for number in range(len(log.lines))]
