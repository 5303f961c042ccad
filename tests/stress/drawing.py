"""Draws a Job and what befalls it, and tells what must come of it. No input, no output.

A Job has an outcome (what it does when nothing disturbs it), a form (how it is called: run-job; the scripts that
Airflow may call in its place; two submits that race, then run-job) and up to three faults, each at a moment of its own.
Most faults heal and change nothing. At most one, which has `ends`, may give the first try another end; the next try is
left alone, so it ends as the outcome says.
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
PATIENCE, BRIEF = 60, 5  # seconds
HEARTBEAT, HURRIED = 300, 3  # seconds
FORMS = ("run-job", "in-stages", "in-a-race")
MOMENTS = ("start", "created", "followed", "running")  # of a try, in their order


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens `after` so many seconds at a moment of the try, and for how many seconds.

    `rules` are for the proxy, `deed` is what is done to the cluster or to run-job. `ends`: the codes with which the try
    may end for it; `surely`: it ends with one of them whatever the Job does, or by --timeout if it is `waited` out.
    """

    name: str
    moment: str
    after: float = 0
    lasting: float = 0
    rules: tuple[str, ...] = ()
    deed: str = ""
    ends: frozenset[int] = frozenset()
    surely: bool = False
    waited: bool = False
    creates: frozenset[int] = frozenset({1})  # how many Jobs, by the end of that try
    patience: int = PATIENCE  # seconds for --unreachable-timeout
    heartbeat: int = HEARTBEAT  # seconds for --heartbeat

    @property
    def may_lose_log(self) -> bool:
        """Whether part of a log may be missing; which must be said."""
        of_logs = any(rule == "refuse" or rule.startswith(("any", "log:status")) for rule in self.rules)
        return of_logs or self.deed.endswith("Pod")

    @property
    def may_lose_mark(self) -> bool:
        """Whether collect-job may fail to mark the Job as collected, which takes a get and a patch."""
        return any(rule == "refuse" or rule.startswith(("any", "read", "get", "patch")) for rule in self.rules)

    @property
    def may_leave_job(self) -> bool:
        """Whether the deletion of a Job may fail; which must be said."""
        return any(rule == "refuse" or rule.startswith(("any", "delete")) for rule in self.rules)

    def __str__(self) -> str:
        lasting = f" for {self.lasting:g} s" if math.isfinite(self.lasting) and self.lasting else ""
        return f"{self.name} {self.after:g} s after {self.moment}{lasting}"


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One Job as drawn."""

    number: int
    outcome: Outcome
    form: str
    on_kill: str
    faults: tuple[Fault, ...] = ()
    gcloud: bool = False  # whether gcloud leads to the cluster, or the kubeconfig

    @property
    def patience(self) -> int:
        """Seconds for --unreachable-timeout: longer than what heals, unless the draw is about its end."""
        return min((fault.patience for fault in self.faults), default=PATIENCE)

    @property
    def heartbeat(self) -> int:
        """Seconds for --heartbeat: long, lest it hide what watches miss, unless the draw is about that."""
        return min((fault.heartbeat for fault in self.faults), default=HEARTBEAT)

    @property
    def codes(self) -> frozenset[int]:
        """The exit codes that the first try may end with.

        Where a fault and the end of the Job race, both are right: what run-job has seen first decides.
        """
        codes = frozenset({self.outcome.code})
        for fault in self.faults:
            if fault.ends:
                of_job = codes if not fault.surely or (fault.waited and codes == {TIMEOUT}) else frozenset()
                codes = of_job | fault.ends
        return codes

    @property
    def jobs(self) -> frozenset[int]:
        """How many Jobs the first try may have created."""
        jobs = frozenset({1})
        for fault in self.faults:
            if fault.ends:
                jobs = fault.creates if fault.surely else jobs | fault.creates
        return jobs

    @property
    def may_lose_result(self) -> bool:
        """Whether Pod or Job may be removed after its end and before it is read; which must be said."""
        return any(fault.deed in ("delete Pod", "evict Pod", "delete Job") for fault in self.faults)

    def __str__(self) -> str:
        faults = ", ".join(map(str, self.faults)) or "no fault"
        form = f"{self.form} by gcloud" if self.gcloud else self.form
        return f"{self.number}: {self.outcome.name}, {form}, --on-kill {self.on_kill}, {faults}"


def draw(seed: int, number: int) -> Draw:
    """Draw the Job with this number."""
    dice = random.Random(f"{seed}:{number}")
    outcome = dice.choice(OUTCOMES)(dice, number)
    form = dice.choice(
        ["run-job"] * 3 + ["in-stages"] * outcome.is_polled + ["in-a-race"] * (outcome.code == SUCCEEDED)
    )
    healing = HEALING + OF_FOLLOWING * (form == "run-job")
    faults = [dice.choice(healing)(dice) for _ in range(dice.choice([0, 1, 1, 2, 2, 3]))]
    if form != "in-a-race" and dice.random() < 0.4:
        ending = dice.choice(ENDING[form])(dice)
        faults = [ending] if ending.surely else [*faults[:2], ending]
    if any(fault.name == "watches denied for a while" for fault in faults):
        # Only one that was allowed before is tried again: nothing else may break the first ones.
        faults = [fault for fault in faults if fault.moment in ("followed", "running") or fault.ends]
    return Draw(
        number=number,
        outcome=outcome,
        form=form,
        on_kill=dice.choice(["delete", "keep"]),
        faults=tuple(faults),
        gcloud=form == "run-job" and dice.random() < 0.1,
    )


def _heals(
    name: str,
    *choices: tuple[str, ...] | str,
    moments: tuple[str, ...] = MOMENTS,
    stays: bool = False,
    **more: Any,
) -> Callable[..., Fault]:
    """A fault of the proxy that heals within seconds, unless it `stays`; one of `choices` are its rules."""

    def of(dice: random.Random) -> Fault:
        choice = dice.choice(choices)
        rules = (choice,) if isinstance(choice, str) else choice
        lies_in_wait = stays or rules[0].rpartition(":")[2].isdecimal()  # for the first so many, then it wears out
        lasting = math.inf if lies_in_wait else round(dice.uniform(0.5, 5), 1)
        after = 0 if lies_in_wait else round(dice.uniform(0, 2), 1)
        return Fault(name=name, moment=dice.choice(moments), after=after, lasting=lasting, rules=rules, **more)

    return of


def _ends(name: str, *codes: int, moments: tuple[str, ...] = ("start",), **more: Any) -> Callable[..., Fault]:
    """A fault that may end the try with one of `codes`; one of the proxy holds until it has ended."""

    def of(dice: random.Random) -> Fault:
        moment = dice.choice(moments)
        after = 0 if moments == ("start",) else round(dice.uniform(0, 2), 1)
        return Fault(name=name, moment=moment, after=after, lasting=math.inf, ends=frozenset(codes), **more)

    return of


def _is_done(name: str, deed: str) -> Callable[..., Fault]:
    """A fault of the cluster that befalls a Pod that runs."""
    return lambda dice: Fault(name=name, moment="running", after=round(dice.uniform(0, 1), 1), deed=deed)


def _signal(number: signal.Signals) -> Callable[..., Fault]:
    """A signal to run-job; before bash has set its traps it ends in the usual way."""
    codes = (-number,) if number == signal.SIGKILL else (128 + number, -number)
    return _ends(f"SIG{number.name[3:]}", *codes, moments=MOMENTS, deed=number.name, creates=frozenset({0, 1}))


ERRORS = ("429", "500", "503", "504")
FEW = tuple(f"{kind}:status={code}:2" for kind in ("create", "read", "watch", "patch") for code in ERRORS)
HEALING = (
    _heals("connections refused", "refuse"),
    _heals("requests cut", "any:drop", "any:drop:3"),
    _heals("creation unanswered", "create:lose:1", moments=("start",)),
    _heals("mark unanswered", "patch:lose:1", moments=("start",)),
    _heals("mark denied", "patch:status=403", moments=("start",), stays=True),
    _heals("errors for a while", *(f"any:status={code}" for code in ERRORS)),
    _heals("a few errors", *FEW, moments=("start",)),
    _heals("deletions refused", "delete:status=500", moments=("start",), stays=True),
    _heals("latency", "any:delay=1"),
    _heals("silence", "any:blackhole"),
    _is_done("Pod deleted", "delete Pod"),
    _is_done("Pod evicted", "evict Pod"),
)
OF_FOLLOWING = (  # which run-job alone does
    _heals("watches ended", "watch:end:now", "watch:end:2", moments=("followed", "running")),
    _heals("watches expired", "watch:gone:now", "watch:gone:2", moments=("followed", "running")),
    _heals("watches cut", "watch:drop:now", "watch:drop=300:2", moments=("followed", "running")),
    _heals(
        "watches denied for a while",
        *(("watch:end:now", f"watch:status={code}") for code in (401, 403)),
        moments=("followed",),
    ),
    _heals("logs cut", "log:drop:now", "log:end:now", "log:drop=2000:2", moments=("running",)),
    _heals("logs refused", "log:status=500", moments=("followed", "running")),
    _heals("watches swallowed", "watch:blackhole", moments=("followed",), stays=True, heartbeat=HURRIED),
)
NONE = frozenset({0})
DENIED_AT_ONCE = (
    _ends("creation denied", DENIED, rules=("create:status=403",), surely=True, creates=NONE),
    _ends("token expired", DENIED, rules=("any:status=401",), surely=True, waited=True, creates=NONE),
)
AWAY = (
    _ends(
        "cluster away from the start",
        UNREACHABLE,
        rules=("refuse",),
        surely=True,
        waited=True,
        creates=NONE,
        patience=BRIEF,
    ),
    _ends("cluster away", UNREACHABLE, moments=MOMENTS[1:], rules=("refuse",), patience=BRIEF),
)
WATCHES_DENIED = ("watch:end:now", "watch:status=403")
ENDING = {
    "run-job": (
        *map(_signal, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL, signal.SIGKILL)),
        *DENIED_AT_ONCE,
        *AWAY,
        _ends("watches denied", DENIED, rules=("watch:status=403",)),
        _ends("result denied", DENIED, moments=("created",), rules=("get/jobs/:status=403",)),
        _ends("Job deleted", FAILED, moments=("created", "running"), deed="delete Job", creates=frozenset({1, 2})),
    )
    * 2
    + (_ends("watches denied for long", DENIED, moments=("followed",), rules=WATCHES_DENIED),),  # takes a minute
    "in-stages": (
        *DENIED_AT_ONCE,
        *AWAY,
        _ends("looks denied", DENIED, moments=("created",), rules=("get/jobs/:status=403",)),
        _ends(  # between poll-job and collect-job it is no longer found
            "Job deleted", FAILED, CONFIG, moments=("created", "running"), deed="delete Job", creates=frozenset({1, 2})
        ),
    ),
}
