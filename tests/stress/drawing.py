"""Draws a Job and its faults, and states the expected outcome. No I/O.

A Job has an outcome (its behaviour without faults), a form (how it is run: by run-job; by the scripts of the stages; by
two concurrent submit-job, then run-job) and up to three faults, each at its own moment. Most faults heal and do not
change the exit code. At most one fault, which has `exit_codes`, may change the exit code of the first try. The second
try has no fault, so it ends with the exit code of the outcome.
"""

from __future__ import annotations

import math
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stress.outcomes import CONFIG, FAILED, OUTCOMES, SUCCEEDED, Outcome

UNREACHABLE, DENIED, TIMEOUT = 69, 77, 124
UNREACHABLE_TIMEOUT, SHORT_UNREACHABLE_TIMEOUT = 60, 5  # seconds
HEARTBEAT, SHORT_HEARTBEAT = 300, 3  # seconds
FORMS = ("run-job", "in-stages", "in-a-race")
MOMENTS = ("start", "created", "followed", "running")  # of a try, in this order


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault that begins `after` seconds after a moment of the try, and has a `duration` in seconds.

    `rules` are set at the proxy; `action` is carried out on the cluster or on run-job. `exit_codes`: the codes with
    which the fault may end the try. `always_ends`: the try ends with one of them whatever the Job does, or with the
    code of --timeout if run-job waits for the fault to heal (`waited_out`).
    """

    name: str
    moment: str
    after: float = 0
    duration: float = 0
    rules: tuple[str, ...] = ()
    action: str = ""
    exit_codes: frozenset[int] = frozenset()
    always_ends: bool = False
    waited_out: bool = False
    creates: frozenset[int] = frozenset({1})  # numbers of Jobs that the try may have created
    unreachable_timeout: int = UNREACHABLE_TIMEOUT  # seconds for --unreachable-timeout
    heartbeat: int = HEARTBEAT  # seconds for --heartbeat

    @property
    def may_lose_log(self) -> bool:
        """Return whether lines of a log may be missing; follow-job must report it."""
        of_logs = any(rule == "refuse" or rule.startswith(("any", "log:status")) for rule in self.rules)
        return of_logs or self.action.endswith("Pod")

    @property
    def may_lose_mark(self) -> bool:
        """Return whether collect-job may fail to mark the Job as collected, which takes a get and a patch."""
        return any(rule == "refuse" or rule.startswith(("any", "read", "get", "patch")) for rule in self.rules)

    @property
    def may_leave_job(self) -> bool:
        """Return whether the deletion of a Job may fail; run-job must report it."""
        return any(rule == "refuse" or rule.startswith(("any", "delete")) for rule in self.rules)

    def __str__(self) -> str:
        duration = f" for {self.duration:g} s" if math.isfinite(self.duration) and self.duration else ""
        return f"{self.name} {self.after:g} s after {self.moment}{duration}"


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One drawn Job."""

    number: int
    outcome: Outcome
    form: str
    on_kill: str
    faults: tuple[Fault, ...] = ()
    gcloud: bool = False  # whether the credentials are gcloud's, or the kubeconfig's

    @property
    def unreachable_timeout(self) -> int:
        """Return the seconds of --unreachable-timeout: longer than faults that heal, unless a fault must exceed it."""
        return min((fault.unreachable_timeout for fault in self.faults), default=UNREACHABLE_TIMEOUT)

    @property
    def heartbeat(self) -> int:
        """Return the seconds of --heartbeat: long, so that it hides no missed event, unless a fault swallows events."""
        return min((fault.heartbeat for fault in self.faults), default=HEARTBEAT)

    @property
    def codes(self) -> frozenset[int]:
        """Return the exit codes that the first try may end with.

        When a fault and the end of the Job race, both codes are correct: the first one that run-job sees wins.
        """
        codes = frozenset({self.outcome.code})
        for fault in self.faults:
            if fault.exit_codes:
                of_job = codes if not fault.always_ends or (fault.waited_out and codes == {TIMEOUT}) else frozenset()
                codes = of_job | fault.exit_codes
        return codes

    @property
    def jobs(self) -> frozenset[int]:
        """Return the numbers of Jobs that the first try may have created."""
        jobs = frozenset({1})
        for fault in self.faults:
            if fault.exit_codes:
                jobs = fault.creates if fault.always_ends else jobs | fault.creates
        return jobs

    @property
    def may_lose_result(self) -> bool:
        """Return whether a finished Pod or Job may be removed before it is read; collect-job must report it."""
        return any(fault.action in ("delete Pod", "evict Pod", "delete Job") for fault in self.faults)

    def __str__(self) -> str:
        faults = ", ".join(map(str, self.faults)) or "no fault"
        form = f"{self.form} by gcloud" if self.gcloud else self.form
        return f"{self.number}: {self.outcome.name}, {form}, --on-kill {self.on_kill}, {faults}"


def draw(seed: int, number: int) -> Draw:
    """Draw the Job with this number."""
    rng = random.Random(f"{seed}:{number}")
    outcome = rng.choice(OUTCOMES)(rng, number)
    form = rng.choice(["run-job"] * 3 + ["in-stages"] * outcome.is_polled + ["in-a-race"] * (outcome.code == SUCCEEDED))
    healing = HEALING + FOLLOWING * (form == "run-job")
    faults = [rng.choice(healing)(rng) for _ in range(rng.choice([0, 1, 1, 2, 2, 3]))]
    if form != "in-a-race" and rng.random() < 0.4:
        ending = rng.choice(ENDING[form])(rng)
        faults = [ending] if ending.always_ends else [*faults[:2], ending]
    if any(fault.name == "watches denied for a while" for fault in faults):
        # follow-job retries a denied watch only if it was allowed before: no other fault may break the first watches.
        faults = [fault for fault in faults if fault.moment in ("followed", "running") or fault.exit_codes]
    return Draw(
        number=number,
        outcome=outcome,
        form=form,
        on_kill=rng.choice(["delete", "keep"]),
        faults=tuple(faults),
        gcloud=form == "run-job" and rng.random() < 0.1,
    )


def _healing(
    name: str,
    *choices: tuple[str, ...] | str,
    moments: tuple[str, ...] = MOMENTS,
    stays: bool = False,
    **more: Any,
) -> Callable[..., Fault]:
    """Return a factory of proxy faults that heal within seconds, or never if `stays`; `choices`: alternative rules."""

    def make(rng: random.Random) -> Fault:
        choice = rng.choice(choices)
        rules = (choice,) if isinstance(choice, str) else choice
        counts_requests = stays or rules[0].rpartition(":")[2].isdecimal()  # it ends after a number of requests
        duration = math.inf if counts_requests else round(rng.uniform(0.5, 5), 1)
        after = 0 if counts_requests else round(rng.uniform(0, 2), 1)
        return Fault(name=name, moment=rng.choice(moments), after=after, duration=duration, rules=rules, **more)

    return make


def _ending(name: str, *codes: int, moments: tuple[str, ...] = ("start",), **more: Any) -> Callable[..., Fault]:
    """Return a factory of faults that may end the try with one of `codes`. Proxy rules stay until the try ends."""

    def make(rng: random.Random) -> Fault:
        moment = rng.choice(moments)
        after = 0 if moments == ("start",) else round(rng.uniform(0, 2), 1)
        return Fault(name=name, moment=moment, after=after, duration=math.inf, exit_codes=frozenset(codes), **more)

    return make


def _on_cluster(name: str, action: str) -> Callable[..., Fault]:
    """Return a factory of faults that act on a running Pod of the cluster."""
    return lambda rng: Fault(name=name, moment="running", after=round(rng.uniform(0, 1), 1), action=action)


def _signal(number: signal.Signals) -> Callable[..., Fault]:
    """Return a factory of signals to run-job. Before run-job has set its traps, the signal itself ends the process."""
    codes = (-number,) if number == signal.SIGKILL else (128 + number, -number)
    return _ending(f"SIG{number.name[3:]}", *codes, moments=MOMENTS, action=number.name, creates=frozenset({0, 1}))


ERRORS = ("429", "500", "503", "504")
FEW_ERRORS = tuple(f"{kind}:status={code}:2" for kind in ("create", "read", "watch", "patch") for code in ERRORS)
HEALING = (
    _healing("connections refused", "refuse"),
    _healing("requests cut", "any:drop", "any:drop:3"),
    _healing("creation unanswered", "create:lose:1", moments=("start",)),
    _healing("mark unanswered", "patch:lose:1", moments=("start",)),
    _healing("mark denied", "patch:status=403", moments=("start",), stays=True),
    _healing("errors for a while", *(f"any:status={code}" for code in ERRORS)),
    _healing("a few errors", *FEW_ERRORS, moments=("start",)),
    _healing("deletions refused", "delete:status=500", moments=("start",), stays=True),
    _healing("latency", "any:delay=1"),
    _healing("silence", "any:blackhole"),
    _on_cluster("Pod deleted", "delete Pod"),
    _on_cluster("Pod evicted", "evict Pod"),
)
FOLLOWING = (  # faults of watches and logs; only run-job follows
    _healing("watches ended", "watch:end:now", "watch:end:2", moments=("followed", "running")),
    _healing("watches expired", "watch:gone:now", "watch:gone:2", moments=("followed", "running")),
    _healing("watches cut", "watch:drop:now", "watch:drop=300:2", moments=("followed", "running")),
    _healing(
        "watches denied for a while",
        *(("watch:end:now", f"watch:status={code}") for code in (401, 403)),
        moments=("followed",),
    ),
    _healing("logs cut", "log:drop:now", "log:end:now", "log:drop=2000:2", moments=("running",)),
    _healing("logs refused", "log:status=500", moments=("followed", "running")),
    _healing("watches swallowed", "watch:blackhole", moments=("followed",), stays=True, heartbeat=SHORT_HEARTBEAT),
)
NO_JOB = frozenset({0})
DENIED_AT_ONCE = (
    _ending("creation denied", DENIED, rules=("create:status=403",), always_ends=True, creates=NO_JOB),
    _ending("token expired", DENIED, rules=("any:status=401",), always_ends=True, waited_out=True, creates=NO_JOB),
)
CLUSTER_AWAY = (
    _ending(
        "cluster away from the start",
        UNREACHABLE,
        rules=("refuse",),
        always_ends=True,
        waited_out=True,
        creates=NO_JOB,
        unreachable_timeout=SHORT_UNREACHABLE_TIMEOUT,
    ),
    _ending(
        "cluster away",
        UNREACHABLE,
        moments=MOMENTS[1:],
        rules=("refuse",),
        unreachable_timeout=SHORT_UNREACHABLE_TIMEOUT,
    ),
)
WATCHES_DENIED = ("watch:end:now", "watch:status=403")
ENDING = {
    "run-job": (
        *map(_signal, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL, signal.SIGKILL)),
        *DENIED_AT_ONCE,
        *CLUSTER_AWAY,
        _ending("watches denied", DENIED, rules=("watch:status=403",)),
        _ending("result denied", DENIED, moments=("created",), rules=("get/jobs/:status=403",)),
        _ending("Job deleted", FAILED, moments=("created", "running"), action="delete Job", creates=frozenset({1, 2})),
    )
    * 2
    + (
        _ending("watches denied for long", DENIED, moments=("followed",), rules=WATCHES_DENIED),
    ),  # run-job takes a minute to end
    "in-stages": (
        *DENIED_AT_ONCE,
        *CLUSTER_AWAY,
        _ending("polls denied", DENIED, moments=("created",), rules=("get/jobs/:status=403",)),
        _ending(  # CONFIG: deleted between poll-job and collect-job, the Job is not found
            "Job deleted",
            FAILED,
            CONFIG,
            moments=("created", "running"),
            action="delete Job",
            creates=frozenset({1, 2}),
        ),
    ),
}
