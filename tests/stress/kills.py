"""Kills run-job at random moments and looks at what is left; exits with 1 when it is not what must be.

Each kill draws, from --seed, its mode and its number: the moment, evenly over the time that a run takes; the signal
(TERM, INT, HUP or KILL to run-job, to the script alone or to its process group, or KILL to the process that stands for
the Airflow task); and whether gcloud leads to the cluster or the kubeconfig does. What must hold:

- run-job ends, with 128 and the signal's number, and without a process or a private directory left;
- --on-kill delete, and a signal that can be caught: its Job is gone, or said to be left, because three seconds were too
  short, once in a while on a machine that has much to do.
  Otherwise: the Job that is there is adopted by the next try, which ends with its result, and sweeps what SIGKILL has
  left.

A signal before bash has set its traps ends it in the usual way. A Job that was marked as collected before SIGKILL, or
whose mark could not be removed in three seconds, is done again: its result has reached nobody, and the cluster cannot
know. `--only MODE:NUMBER` does one kill again.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

from stress.task import CAUGHT, Task, WrongError, check, ends, gcloud_options

VALUES = {"image": "busybox:1.37", "command": ["sh", "-c", "sleep 1; echo 42 >/dev/termination-log"], "retries": 0}


OFTEN = 0.1  # the part of the kills after which no Job may be left any more, even when it is said
WAYS = {True: "gcloud", False: "kubeconfig"}
PROGRESS = 20  # kills between two progress messages


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill as drawn; `moment` is the part of a run's time that passes before it."""

    mode: str
    number: int
    moment: float
    signal: signal.Signals
    target: str
    gcloud: bool

    @classmethod
    def draw(cls, seed: int, mode: str, number: int) -> Kill:
        """Draw the kill with this mode and number."""
        dice = random.Random(f"{seed}:{mode}:{number}")
        target = dice.choice(["script", "group", "group", "task"])
        number_of_signal = dice.choice([*CAUGHT, signal.SIGTERM, signal.SIGKILL])
        return cls(
            mode=mode,
            number=number,
            moment=dice.random(),
            signal=signal.SIGKILL if target == "task" else number_of_signal,
            target=target,
            gcloud=dice.random() < 0.2,
        )

    def __str__(self) -> str:
        way = WAYS[self.gcloud]
        return f"{self.mode}:{self.number} {self.signal.name} to the {self.target} at {self.moment:.3f}, by {way}"


def start(
    task: Task, try_number: int, *, mode: str, gcloud: bool = False, below: list[str] | None = None
) -> Popen[bytes]:
    """Start a try; `below`: a command that starts it in turn."""
    options = ["--on-kill", mode, *(gcloud_options() if gcloud else [])]
    return task.start(try_number, [*(below or []), *task.command("run-job", *task.template, *options)])


class End(NamedTuple):
    """How a run ended: how long it took after a signal that it caught, in seconds; whether its Job is left."""

    took: float | None
    job_is_left: bool = False


def carry_out(kill: Kill, task: Task, length: float) -> End:
    """Do what `kill` says."""
    of_task = kill.target == "task"
    below = ["bash", "-c", 'setsid "$@" & wait $!', "-"] if of_task else None
    run = start(task, 1, mode=kill.mode, gcloud=kill.gcloud, below=below)
    time.sleep(kill.moment * length)
    alive = run.poll() is None
    began = time.monotonic()
    if alive:
        (os.killpg if kill.target == "group" else os.kill)(run.pid, kill.signal)
    ends(lambda: run.poll() is not None, "run-job has not ended", task.processes)
    took = time.monotonic() - began
    ends(lambda: not task.processes(), "processes are left", task.processes)
    if kill.signal in CAUGHT and run.returncode >= 0:
        check(not list(task.private.iterdir()), "a private directory is left")

    late = not alive or run.returncode == 0
    if late:
        check(run.returncode == 0 and task.result(1) == "42\n", f"run-job ended with {run.returncode} by itself")
    else:
        expected = (-kill.signal, 128 + kill.signal) if kill.signal in CAUGHT else (-kill.signal,)
        check(run.returncode in expected, f"run-job ended with {run.returncode}: {task.errors(1).read_text()}")

    before = task.jobs()
    deleted = kill.mode == "delete" and kill.signal in CAUGHT and not late
    if deleted:
        said = task.errors(1).read_text()
        check(not before or "may be left: remove it with: delete-job" in said, f"the Job is left: {said}")
    if not late:
        next_try(kill, task, before)
    return End(took if kill.signal in CAUGHT and not late else None, bool(deleted and before))


def next_try(kill: Kill, task: Task, before: list[dict[str, Any]]) -> None:
    """The next try adopts the Job `before`, if there is one whose result nobody has."""
    second = start(task, 2, mode="keep")
    ends(
        lambda: second.poll() is not None,
        "the next try has not ended",
        lambda: [task.errors(2).read_text(), task.processes()],
    )
    said = task.errors(2).read_text()
    check(second.returncode == 0 and task.result(2) == "42\n", f"the next try ended with {second.returncode}: {said}")
    check(not list(task.private.iterdir()), "the next try has not swept")
    ends(lambda: not task.processes(), "processes of the next try are left", task.processes)
    after = task.jobs()
    check(len(after) == 1, f"the task has {len(after)} Jobs")
    if before:
        collected = "gke-job/collected" in before[0]["metadata"]["annotations"]
        promised = "the next run of this task" in task.errors(1).read_text()
        check(not (collected and promised), "the Job was marked as collected, and its result lost")
        adopted = after[0]["metadata"]["uid"] == before[0]["metadata"]["uid"]
        check(adopted or collected, f"the Job was not adopted: {said}")


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--count", type=int, default=100, help="kills in each --on-kill mode")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", help="MODE:NUMBER, one kill of that seed")
    parser.add_argument("--parallel", type=int, default=3)
    options = parser.parse_args()
    modes = ("delete", "keep")
    numbers = [(mode, number) for number in range(options.count) for mode in modes]
    if options.only:
        mode, _, number = options.only.partition(":")
        numbers = [(mode, int(number))]
    kills = [Kill.draw(options.seed, *drawn) for drawn in numbers]
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="stress-kills-") as directory, ThreadPoolExecutor(options.parallel) as pool:
        home = Path(directory)
        began = time.monotonic()
        undisturbed = Task("undisturbed", home / "undisturbed", options.namespace, VALUES)
        check(start(undisturbed, 1, mode="keep").wait() == 0, "a run that nobody kills failed")
        length = (time.monotonic() - began) * (1 + 0.2 * options.parallel)  # they share the processors

        def outcome(kill: Kill) -> tuple[End, str]:
            try:
                name = f"{kill.mode}-{kill.number}"
                task = Task(name, home / name, options.namespace, VALUES)
                return carry_out(kill, task, length), ""
            except WrongError as error:
                return End(None), str(error)

        times, wrong, left = [], 0, {True: 0, False: 0}
        for number, (kill, (end, error)) in enumerate(zip(kills, pool.map(outcome, kills), strict=True), start=1):
            if error:
                wrong += 1
                print(f"WRONG {kill}: {error}", flush=True)
            left[kill.gcloud] += end.job_is_left
            if end.took is not None:
                times.append(end.took)
            if number % PROGRESS == 0:
                print(f"{number} of {len(kills)} kills, {wrong} wrong, {time.monotonic() - began:.0f} s", flush=True)
    for gcloud, way in WAYS.items():
        if left[gcloud] > OFTEN * sum(kill.gcloud is gcloud for kill in kills):
            wrong += 1
            print(f"WRONG: by {way} {left[gcloud]} Jobs are left", flush=True)
    times.sort()
    print(f"{len(kills)} kills, {wrong} wrong", end="")
    print(f"; Jobs left, which is said: {left[True]} by gcloud, {left[False]} by kubeconfig", end="")
    caught = f"; run-job caught {len(times)} signals and ended after"
    print(f"{caught} p50 {times[len(times) // 2]:.2f} s, max {times[-1]:.2f} s" if times else "")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
