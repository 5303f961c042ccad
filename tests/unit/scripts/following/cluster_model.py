"""A model of a cluster that runs one Job, and of the requests of the follower; what it does is drawn."""

from cluster_objects import GARBAGE, NO_ANSWER, UID, Driver, failed_create, job, status
from log_server import ServedStream
from model_pod import AFTER, HOSTILE, ModelPod, events_of_pod
from oracle import ENDED, Oracle

from gke_jobs.following.events import (
    Changed,
    EventsRead,
    Finish,
    Kind,
    Lines,
    List,
    Listed,
    LogEnded,
    LogId,
    LogPiece,
    Message,
    Opened,
    ReadEvents,
    StartLog,
    StopLog,
    Watch,
    WatchEnded,
)


class Channel:
    """The list and watch of one kind: idle, listing or watching, and from which version."""

    def __init__(self):
        self.state, self.version, self.failing, self.worked = "idle", 0, None, False


class Cluster(Oracle, Driver):
    """The cluster and the shell around the core, watched by the oracle."""

    def __init__(self, rng):
        self.rng = rng
        self.history = []  # (kind, change, object), the resourceVersion is the index
        self.channels = {kind: Channel() for kind in Kind}
        self.served, self.open, self.printed_whole = {}, {}, {}
        self.finished_logs = set()
        self.events_asked = []  # uids
        self.pods, self.foreign, self.state, self.is_there = {}, [], "", True
        self.total = rng.choice((1, 2, 3))
        self.gang = rng.random() < 0.3
        self.failures = 0
        self.begin_oracle()
        self.change_job()
        limits = {name: rng.choice((None, None, None, None, 10.0, 61.7)) for name in ("timeout", "schedule", "start")}
        super().__init__(
            uid=rng.choice((UID, UID, "")),
            streams=rng.choice((1, 2, 10)),
            logs=rng.choice(("all", "all", "failed", "none")),
            unreachable=rng.choice((20.0, 600.0)),
            start_at=rng.choice((0.0, 0.1, 98765.4321)),
            heartbeat=rng.choice((3.3, 60.0, 1e6)),
            **limits,
        )

    # the shell

    def give(self, *events):
        done = super().give(*events)
        for action in done:
            self.carry_out(action)
        self.watch_conditions()
        return done

    def carry_out(self, action):
        if isinstance(action, (List, Watch)):
            channel = self.channels[action.kind]
            channel.state = "listing" if isinstance(action, List) else "watching"
            if isinstance(action, Watch):
                channel.version = int(action.version)
        elif isinstance(action, ReadEvents):
            self.events_asked.append(action.uid)
        elif isinstance(action, StartLog):
            key = action.stream.pod, action.stream.container
            assert key not in self.open, "one stream of a log at a time"
            log = next(one for one in self.all_pods if one.name == key[0]).logs[key[1]]
            self.served[key], self.asked[key] = log, self.now
            self.open[key] = action.stream, ServedStream(log, action.since, is_last=self.known_pods[key[0]][0] in ENDED)
            assert len(self.open) <= self.settings.max_log_streams
        elif isinstance(action, StopLog):
            self.open.pop((action.stream.pod, action.stream.container))
        elif isinstance(action, Message):
            assert action.text.isprintable(), action.text
            assert "::group::" not in action.text
            self.check_given_up(action.text)
        elif isinstance(action, Lines):
            assert action.data.endswith(b"\n")
        elif isinstance(action, Finish):
            assert action.reason.isprintable()
            self.check_end(action)

    # the cluster

    @property
    def all_pods(self):
        return [*self.pods.values(), *self.foreign]

    def record(self, kind, change, item):
        self.history.append((kind, change, item))

    def version(self):
        return str(len(self.history) + 1)

    def job_json(self, uid=UID, state=None):
        state = self.state if state is None else state
        conditions = [(state, self.rng.choice(HOSTILE))] if state else []
        counts = {phase: sum(one.phase == phase for one in self.pods.values()) for phase in ENDED}
        gang = {"annotations": {"gke-job/gang": "true"}} if self.gang else {}
        return job(
            *conditions,
            uid=uid,
            spec={"parallelism": self.total, "completions": self.total, "backoffLimit": 6},
            status={**counts, **({} if state == "Suspended" else {"startTime": "2026-01-02T03:04:05Z"})},
            metadata={"resourceVersion": self.version(), **gang},
        )

    def change_job(self):
        self.record(Kind.JOB, "MODIFIED", self.job_json())

    def step_job(self):
        if not self.is_there or self.state in ("Complete", "Failed"):
            if self.is_there and self.rng.randrange(3) == 0:
                self.delete_job()
            return
        following = {
            "": ("Suspended", "SuccessCriteriaMet", "FailureTarget", "Complete", "Failed", "", ""),
            "Suspended": ("", "", "Suspended"),
            "SuccessCriteriaMet": ("Complete", "SuccessCriteriaMet"),
            "FailureTarget": ("Failed",),
        }
        self.state = self.rng.choice(following[self.state])
        self.change_job()

    def delete_job(self):
        self.record(Kind.JOB, "DELETED", self.job_json())
        self.is_there = False
        if self.rng.randrange(2):
            self.record(Kind.JOB, "ADDED", self.job_json(uid="another", state="Complete"))

    def step_pod(self):
        rng = self.rng
        live = [one for one in self.pods.values() if one.phase in AFTER]
        if self.is_there and not self.state and len(live) < self.total and rng.randrange(2):
            others = ("other",) if rng.randrange(3) == 0 else ()
            one = ModelPod(f"train-{len(self.pods)}{rng.choice('ab')}", others=others)
            self.pods[one.name] = one
            self.record(Kind.PODS, "ADDED", one.json(rng, self.version()))
        elif live and rng.randrange(15):
            one = rng.choice(live)
            self.change_pod(one, rng.choice(AFTER[one.phase]))
        elif self.pods:
            one = rng.choice(list(self.pods.values()))
            if one.phase != "removed":
                self.end_logs(one)
                self.record(Kind.PODS, "DELETED", one.json(rng, self.version()))
                one.phase = "removed"

    def change_pod(self, one, phase):
        if phase in ("running", *ENDED):
            for log in one.logs.values():
                log.write(self.rng, self.now - self.start if hasattr(self, "now") else 0)
        one.phase = phase
        if phase in ENDED:
            self.end_logs(one)
        self.record(Kind.PODS, "MODIFIED", one.json(self.rng, self.version()))

    @staticmethod
    def end_logs(one):
        for log in one.logs.values():
            log.has_ended = True

    def step_foreign(self):
        one = ModelPod(f"train-f{len(self.foreign)}", owner="another", phase=self.rng.choice(tuple(AFTER)))
        self.foreign.append(one)
        self.record(Kind.PODS, "ADDED", one.json(self.rng, self.version()))

    def step_garbage(self):
        kind = self.rng.choice(tuple(Kind))
        if self.channels[kind].state == "watching":
            self.deliver(
                Changed(kind, self.rng.choice(("ADDED", "MODIFIED", "BOOKMARK", "?")), self.rng.choice(GARBAGE))
            )

    def step_write(self):
        logs = [log for one in self.pods.values() if one.phase == "running" for log in one.logs.values()]
        if logs:
            self.rng.choice(logs).write(self.rng, self.now - self.start)

    # what is delivered

    def deliver(self, event):
        if self.end is None:
            self.note(event)
            self.give(event)

    def step_watch(self):
        kind = self.rng.choice(tuple(Kind))
        channel = self.channels[kind]
        if channel.state == "listing":
            if self.rng.randrange(12):
                self.deliver(Listed(kind, self.present(kind), str(len(self.history))))
            else:
                self.fail(kind)
        elif channel.state == "watching":
            pending = [entry for entry in self.history[channel.version :] if entry[0] is kind]
            if pending and self.rng.randrange(20):
                for _ in range(self.rng.choice((1, 1, 1, 2))):
                    self.deliver_next(kind)
            elif self.rng.randrange(4) == 0:
                self.rng.choice((self.fail, self.end_watch, self.open_watch))(kind)

    def deliver_next(self, kind):
        channel = self.channels[kind]
        for index in range(channel.version, len(self.history)):
            if self.history[index][0] is kind:
                channel.version = index + 1
                event = Changed(kind, *self.history[index][1:])
                self.deliver(event)
                if self.rng.randrange(6) == 0 and event.change != "DELETED":
                    self.deliver(event)  # a duplicate
                return

    def present(self, kind):
        if kind is Kind.PODS:
            mine = [one for one in self.all_pods if one.phase != "removed"]
            return [one.json(self.rng, self.version()) for one in mine] + [self.rng.choice(GARBAGE)]
        found = [item for of, _, item in self.history if of is Kind.JOB]
        last = next((change for of, change, _ in reversed(self.history) if of is Kind.JOB), "")
        return [] if last == "DELETED" else found[-1:]

    def fail(self, kind):
        answers = (NO_ANSWER, status(503, message=self.rng.choice(HOSTILE)), status(410), status(401), status(429))
        self.channels[kind].state = "idle"
        self.deliver(WatchEnded(kind, self.rng.choice(answers)))

    def end_watch(self, kind):
        self.channels[kind].state = "idle"
        self.deliver(WatchEnded(kind, None))

    def open_watch(self, kind):
        self.deliver(Opened(kind))

    def step_events(self):
        if self.events_asked:
            uid = self.events_asked.pop(self.rng.randrange(len(self.events_asked)))
            of_uid = self.events_of_job() if uid == UID else events_of_pod(self.rng, uid.removeprefix("uid-of-"))
            self.deliver(EventsRead(uid, self.rng.choice((None, [], [None, {}], *of_uid))))

    def events_of_job(self):
        texts = ("exceeded quota: q", 'serviceaccount "x" not found', *HOSTILE)
        return [[failed_create(self.rng.choice(texts))]]

    def step_log(self):
        if not self.open or self.end is not None:
            return
        key = self.rng.choice(sorted(self.open))
        stream, served = self.open[key]
        what = self.rng.randrange(20)
        if what == 0:
            self.deliver(Opened(stream))
        elif what == 1:  # cut
            del self.open[key]
            self.deliver(LogEnded(stream, self.rng.choice((NO_ANSWER, status(500)))))
        elif what == 2:  # late events of a stream before
            old = LogId(stream.pod, stream.container, stream.number - 1)
            self.deliver(LogPiece(old, b"2026-01-02T03:04:05Z late\n"))
            self.deliver(LogEnded(old, None))
        elif served.is_at_end:
            del self.open[key]
            if served.is_last:
                self.finished_logs.add(key)
            self.deliver(LogEnded(stream, None))
        elif data := served.next(self.rng):
            self.deliver(LogPiece(stream, data))
            self.printed_whole.setdefault(key, set()).update(served.whole)
