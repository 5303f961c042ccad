"""One Job as drawn: its tries, and what must hold after each; stress.py says it in words."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

from stress import outcomes
from stress.disturbing import Disturbance, Way, kubectl
from stress.drawing import Draw, Fault
from stress.outcomes import healing
from stress.task import CAUGHT, SCRIPTS, Task, check, ends, gcloud_options
from stress.watching import Job, Namespace

HERE = Path(__file__).parent
TRY_SECONDS = 180  # in which a try must end, whatever befalls it
TICK_SECONDS = 0.05
LEFT = "may be left: remove it with: delete-job"
DELETED = "was deleted before it was finished|it was deleted, or its TTL removed it"
LOG_LOST = "cannot be read to its end|was removed before the end of|is still being written|may lack lines|is not shown"
RESULT_LOST = " missing"  # the result is, or those of some Pods are


class Attempt:
    """One Job as drawn, with files in `directory`. `happened`: the faults whose moment came."""

    def __init__(self, draw: Draw, way: Way, namespace: Namespace, directory: Path) -> None:
        self.happened: list[Fault] = []
        self._draw = draw
        self._task = Task(
            f"stress-{draw.number}",
            directory,
            namespace.name,
            {"spec": draw.outcome.spec},
            template=str(HERE / "job.yaml.j2"),
            environ={**way.environ, "HOME": str(directory)},  # kubectl keeps there what it has learnt of a cluster
        )
        self._way = way
        self._namespace = namespace
        self._healed = False
        self._gave_up = False  # whether a try was to delete its Job

    def carry_out(self) -> None:
        """Do the tries and look at what they leave. Raises WrongError."""
        expected = self._draw.outcome.code
        code = self._try(1, self._command(), self._draw.codes, self._draw.faults)
        jobs = self._jobs()
        check(len(jobs) in self._draw.jobs, f"try 1 has created {len(jobs)} Jobs")
        if code == expected:
            self._look_at_end(1, self._draw.on_kill)
        else:
            self._look_at_interruption(code)
        if code != expected or self._lives_on():
            self._try(2, self._run_job("--on-kill", "delete"), frozenset({expected}))
            self._look_at_end(2, "delete")
        self._look_at_deletions()

    def said(self) -> list[str]:
        """What the tries said."""
        files = sorted(self._task.directory.glob("err.*"))
        return [f"{file.name}: {line}" for file in files for line in file.read_text(errors="replace").splitlines()]

    def clean_up(self) -> None:
        """Make room for others."""
        for job in {job.name for job in self._namespace.jobs(self._task.name) if not job.deleted}:
            kubectl(self._namespace.name, "delete", "job", job, "--wait=false")

    def _command(self) -> list[str]:
        if self._draw.form == "run-job":
            clocks = ["--unreachable-timeout", str(self._draw.patience), "--heartbeat", str(self._draw.heartbeat)]
            return self._run_job("--on-kill", self._draw.on_kill, *clocks, *gcloud_options() * self._draw.gcloud)
        form = ["bash", str(HERE / self._draw.form), str(SCRIPTS)]
        return [*form, self._namespace.name, str(self._draw.patience), *self._task.template]

    def _run_job(self, *options: str) -> list[str]:
        return self._task.command("run-job", *self._task.template, *self._draw.outcome.options, *options)

    def _try(self, number: int, command: list[str], codes: frozenset[int], faults: tuple[Fault, ...] = ()) -> int:
        """Do one try; return its exit code, which is to be one of `codes`."""
        process = self._task.start(number, command)
        disturbance = Disturbance(faults, self._way, self._namespace, self._task.name, process)
        deadline = time.monotonic() + TRY_SECONDS
        try:
            while process.poll() is None:
                check(time.monotonic() < deadline, f"try {number} has not ended after {TRY_SECONDS} s")
                disturbance.tick()
                self._heal()
                time.sleep(TICK_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            disturbance.end()
            self.happened += disturbance.happened
        ends(lambda: not self._task.processes(), f"try {number} has left processes", self._task.processes)
        code = process.returncode
        check(code in codes, f"try {number} ended with {code}, not {' or '.join(map(str, codes))}")
        # By a signal before its traps, or SIGKILL: the next try sweeps.
        check(code < 0 or not list(self._task.private.iterdir()), f"try {number} has left a private directory")
        result = f"{self._draw.outcome.result}\n" if code == outcomes.SUCCEEDED else ""
        lost = self._draw.may_lose_result and RESULT_LOST in self._said(number)
        check(lost or self._task.result(number) == result, f"try {number} printed {self._task.result(number)!r}")
        return code

    def _said(self, number: int) -> str:
        return self._task.errors(number).read_text(errors="replace")

    def _heal(self) -> None:
        if not self._draw.outcome.heals or self._healed or not self._namespace.pods(self._task.name, "Failed"):
            return
        self._healed = True
        name = healing(self._draw.number)
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"healed": "yes"}}
        kubectl(self._namespace.name, "create", "--filename", "-", given=config_map)

    def _jobs(self) -> list[Job]:
        """All Jobs that this task has had, now that its try is over."""
        there = {job["metadata"]["uid"]: int(job["metadata"]["resourceVersion"]) for job in self._task.jobs()}

        def is_seen() -> bool:
            seen = {job.uid: job for job in self._namespace.jobs(self._task.name)}
            return there.keys() <= seen.keys() and all(
                job.version >= there[uid] if uid in there else job.deleted for uid, job in seen.items()
            )

        ends(is_seen, "the watch of the Jobs is behind")
        return self._namespace.jobs(self._task.name)

    def _lives_on(self) -> bool:
        """Whether there is a Job that has not ended."""
        return any(not job.deleted and not job.has_ended for job in self._jobs())

    def _look_at_interruption(self, code: int) -> None:
        """What try 1 has left that did not end as the Job alone would have ended it."""
        jobs = [job for job in self._jobs() if not job.deleted]
        if code == -signal.SIGKILL:
            return
        check(not any(job.collected for job in jobs), "the Job was marked as collected, and its result lost")
        if code in [128 + number for number in CAUGHT] and self._draw.on_kill == "delete":
            self._is_gone(1)

    def _look_at_end(self, number: int, on_kill: str) -> None:
        """What a try has left that ended as the Job does."""
        said = self._said(number)
        jobs = [job for job in self._jobs() if not job.deleted]
        match self._draw.outcome.code:
            case outcomes.SUCCEEDED if jobs:
                check(len(jobs) == 1 and "Complete" in jobs[0].conditions, f"there are other Jobs: {jobs}")
                check(
                    jobs[0].collected or (number == 1 and any(fault.may_lose_mark for fault in self.happened)),
                    "the Job is not marked as collected",
                )
            case outcomes.SUCCEEDED:
                check(self._befell("delete Job"), "the Job is gone")
            case outcomes.FAILED:
                failed = any(job.has_failed for job in self._jobs())
                check(failed or re.search(DELETED, said), f"the Job has not failed: {self._jobs()}")
            case outcomes.TIMEOUT if on_kill == "keep":
                was_created = number > 1 or self._draw.jobs != {0}
                check(len(jobs) == was_created, f"the Job is not kept: {self._jobs()}")
            case _:
                self._is_gone(number)
        self._look_at_lines(number, said)

    def _is_gone(self, number: int) -> None:
        """Looks for the Job of a try that was to delete it."""
        self._gave_up = True
        excused = number == 1 and any(fault.may_leave_job for fault in self.happened)
        if not (excused and LEFT in self._said(number)):
            ends(lambda: not self._task.jobs(), f"try {number} has left its Job")

    def _look_at_lines(self, number: int, said: str) -> None:
        lines = Counter(re.findall(r"^(\S+) \| line (\d+)$", said, re.MULTILINE))
        check(set(lines.values()) <= {1}, f"lines come twice: {[line for line in lines if lines[line] > 1][:5]}")
        whole = {str(line) for line in range(1, self._draw.outcome.lines + 1)}
        complete = any(whole <= {line for of, line in lines if of == pod} for pod, _ in lines) or not whole
        excused = any(fault.may_lose_log for fault in self.happened) and re.search(LOG_LOST, said)
        check(complete or excused or self._draw.form == "in-stages", f"{len(whole) - len(lines)} lines are missing")

    def _look_at_deletions(self) -> None:
        """Every Job that this task ever had: none was deleted, to make room for another, without a reason."""
        for job in self._jobs():
            due = self._gave_up or self._befell("delete Job") or job.collected or job.has_failed
            check(not job.deleted or due, f"a Job was deleted for no reason: {job}")

    def _befell(self, deed: str) -> bool:
        return any(fault.deed == deed for fault in self.happened)
