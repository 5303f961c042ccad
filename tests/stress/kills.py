"""Kills run-job at random moments and checks what is left; exits with 1 when an invariant is violated.

Each kill is drawn from --seed, its mode and its number: the moment, evenly distributed over the duration of a run; the
signal (TERM, INT, HUP or KILL to run-job, to the script alone or to its process group, or KILL to the process that
stands for the Airflow task); and whether the credentials are gcloud's, in a fifth of the kills, or the kubeconfig's.
With --gcloud all are gcloud's. The invariants:

- run-job ends with 128 plus the signal number, and leaves no process and no private directory;
- with --on-kill delete and a signal that can be caught, the Job is deleted, or run-job logs that it may be left. The
  latter may happen on a very busy machine, where 13 s are too short;
- otherwise the next try adopts the Job, returns its result, and removes what SIGKILL has left.

Before run-job has set its traps, the signal itself ends the process. A Job that was marked as collected before SIGKILL,
or whose mark could not be removed within three seconds, is run again: its result was lost, and the cluster has no
record of that. `--only MODE:NUMBER` repeats one kill.
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

from stress.task import CAUGHT, Task, WrongError, check, eventually, gcloud_options

VALUES = {"image": "busybox:1.37", "command": ["sh", "-c", "sleep 1; echo 42 >/dev/termination-log"], "retries": 0}


SOON = 3.0  # seconds after a signal within which run-job ends on an idle machine
MOST_LEFT = 0.1  # largest allowed share of kills that leave a Job, even if run-job logs it
CREDENTIALS = {True: "gcloud", False: "kubeconfig"}
PROGRESS = 20  # number of kills between two progress messages


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One drawn kill; `moment` is the share of a run's duration that passes before it."""

    mode: str
    number: int
    moment: float
    signal: signal.Signals
    target: str
    gcloud: bool

    @classmethod
    def draw(cls, seed: int, mode: str, number: int, *, gcloud: bool = False) -> Kill:
        """Draw the kill with this mode and number; `gcloud`: with gcloud's credentials in any case."""
        rng = random.Random(f"{seed}:{mode}:{number}")
        target = rng.choice(["script", "group", "group", "task"])
        number_of_signal = rng.choice([*CAUGHT, signal.SIGTERM, signal.SIGKILL])
        return cls(
            mode=mode,
            number=number,
            moment=rng.random(),
            signal=signal.SIGKILL if target == "task" else number_of_signal,
            target=target,
            gcloud=rng.random() < 0.2 or gcloud,
        )

    def __str__(self) -> str:
        credentials = CREDENTIALS[self.gcloud]
        return (
            f"{self.mode}:{self.number} {self.signal.name} to the {self.target} at {self.moment:.3f}, by {credentials}"
        )


def start(
    task: Task, try_number: int, *, mode: str, gcloud: bool = False, below: list[str] | None = None
) -> Popen[bytes]:
    """Start a try; `below`: a command that gets the command of the try as its arguments and starts it."""
    options = ["--on-kill", mode, *(gcloud_options() if gcloud else [])]
    return task.start(try_number, [*(below or []), *task.command("run-job", *task.template, *options)])


class End(NamedTuple):
    """The end of a run: the seconds from a caught signal to the end; whether its Job is left."""

    took: float | None
    job_is_left: bool = False


def carry_out(kill: Kill, task: Task, length: float) -> End:
    """Run a try, kill it, and check what it leaves."""
    of_task = kill.target == "task"
    below = ["bash", "-c", 'setsid "$@" & wait $!', "-"] if of_task else None
    run = start(task, 1, mode=kill.mode, gcloud=kill.gcloud, below=below)
    time.sleep(kill.moment * length)
    alive = run.poll() is None
    began = time.monotonic()
    if alive:
        (os.killpg if kill.target == "group" else os.kill)(run.pid, kill.signal)
    eventually(lambda: run.poll() is not None, lambda: f"run-job ends: {task.processes()}")
    took = time.monotonic() - began
    eventually(lambda: not task.processes(), lambda: f"no process is left: {task.processes()}")
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
        stderr = task.errors(1).read_text()
        check(not before or "may still exist: remove it with: delete-job" in stderr, f"the Job is left: {stderr}")
    if not late:
        next_try(kill, task, before)
    return End(took if kill.signal in CAUGHT and not late else None, bool(deleted and before))


def next_try(kill: Kill, task: Task, before: list[dict[str, Any]]) -> None:
    """Run the next try, and check that it adopts the Job in `before`, unless its result is collected."""
    second = start(task, 2, mode="keep")
    eventually(
        lambda: second.poll() is not None,
        lambda: f"the next try ends: {[task.errors(2).read_text(), task.processes()]}",
    )
    stderr = task.errors(2).read_text()
    check(second.returncode == 0 and task.result(2) == "42\n", f"the next try ended with {second.returncode}: {stderr}")
    check(not list(task.private.iterdir()), "the next try has not removed the private directories")
    eventually(lambda: not task.processes(), lambda: f"no process of the next try is left: {task.processes()}")
    after = task.jobs()
    check(len(after) == 1, f"the task has {len(after)} Jobs")
    if before:
        collected = "gke-job/collected" in before[0]["metadata"]["annotations"]
        promised = "the next run of this task" in task.errors(1).read_text()
        check(not (collected and promised), "the Job was marked as collected, and its result lost")
        adopted = after[0]["metadata"]["uid"] == before[0]["metadata"]["uid"]
        check(adopted or collected, f"the Job was not adopted: {stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--count", type=int, default=100, help="kills in each --on-kill mode")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", help="MODE:NUMBER, one kill of that seed")
    parser.add_argument("--gcloud", action="store_true", help="all kills with gcloud's credentials")
    parser.add_argument("--parallel", type=int, default=3)
    options = parser.parse_args()
    modes = ("delete", "keep")
    numbers = [(mode, number) for number in range(options.count) for mode in modes]
    if options.only:
        mode, _, number = options.only.partition(":")
        numbers = [(mode, int(number))]
    kills = [Kill.draw(options.seed, *drawn, gcloud=options.gcloud) for drawn in numbers]
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="stress-kills-") as directory, ThreadPoolExecutor(options.parallel) as pool:
        home = Path(directory)
        began = time.monotonic()
        undisturbed = Task("undisturbed", home / "undisturbed", options.namespace, VALUES)
        check(start(undisturbed, 1, mode="keep", gcloud=options.gcloud).wait() == 0, "a run without a kill failed")
        length = (time.monotonic() - began) * (1 + 0.2 * options.parallel)  # parallel runs share the processors

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
    for gcloud, credentials in CREDENTIALS.items():
        if left[gcloud] > MOST_LEFT * sum(kill.gcloud is gcloud for kill in kills):
            wrong += 1
            print(f"WRONG: {left[gcloud]} Jobs are left by kills with {credentials}", flush=True)
    times.sort()
    print(f"{len(kills)} kills, {wrong} wrong", end="")
    print(f"; Jobs left, as logged: {left[True]} by gcloud, {left[False]} by kubeconfig", end="")
    soon = sum(took <= SOON for took in times)
    caught = f"; run-job caught {len(times)} signals and ended {soon} times within {SOON:g} s, after"
    print(f"{caught} p50 {times[len(times) // 2]:.2f} s, max {times[-1]:.2f} s" if times else "")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
