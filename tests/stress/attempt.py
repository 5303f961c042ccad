"""Runs the tries of one drawn Job and checks the state after each; the docstring of stress.py lists the checks."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

from stress import outcomes
from stress.disturbing import Disturbance, Endpoint, kubectl
from stress.drawing import Draw, Fault
from stress.outcomes import healing
from stress.task import CAUGHT, SCRIPTS, Task, check, eventually, gcloud_options
from stress.watching import Job, Namespace

HERE = Path(__file__).parent
TRY_SECONDS = 180  # a try must end within this time, whatever faults it has
TICK_SECONDS = 0.05
LEFT = "may still exist: remove it with: delete-job"
DELETED = "was deleted before it was finished|it was deleted, or its TTL removed it"
LOG_LOST = (
    "cannot be read completely|was removed before the end of|is still being written|may be missing lines|is not shown"
)
RESULT_LOST = " missing"  # collect-job reports a missing result, or missing results of some Pods


class Attempt:
    """One drawn Job, with its files in `directory`. `happened`: the faults that were injected."""

    def __init__(self, draw: Draw, endpoint: Endpoint, namespace: Namespace, directory: Path) -> None:
        self.happened: list[Fault] = []
        self._draw = draw
        self._task = Task(
            f"stress-{draw.number}",
            directory,
            namespace.name,
            {"spec": draw.outcome.spec},
            template=str(HERE / "job.yaml.j2"),
            environ={
                **endpoint.environ,
                "HOME": str(directory),
            },  # kubectl caches the discovery of a cluster below HOME
        )
        self._endpoint = endpoint
        self._namespace = namespace
        self._healed = False
        self._deleting = False  # whether a try has to delete its Job

    def carry_out(self) -> None:
        """Run the tries and check what each of them leaves. Raise WrongError."""
        expected = self._draw.outcome.code
        code = self._try(1, self._command(), self._draw.codes, self._draw.faults)
        jobs = self._jobs()
        check(len(jobs) in self._draw.jobs, f"try 1 created {len(jobs)} Jobs")
        if code == expected:
            self._check_end(1, self._draw.on_kill)
        else:
            self._check_interruption(code)
        if code != expected or self._has_unfinished_job():
            self._try(2, self._run_job("--on-kill", "delete"), frozenset({expected}))
            self._check_end(2, "delete")
        self._check_deletions()

    def messages(self) -> list[str]:
        """Return the lines that the tries wrote to stderr, each with its file name."""
        files = sorted(self._task.directory.glob("err.*"))
        return [f"{file.name}: {line}" for file in files for line in file.read_text(errors="replace").splitlines()]

    def clean_up(self) -> None:
        """Delete the Job, so that its Pods leave the cluster to other Jobs."""
        for job in {job.name for job in self._namespace.jobs(self._task.name) if not job.deleted}:
            kubectl(self._namespace.name, "delete", "job", job, "--wait=false")

    def _command(self) -> list[str]:
        if self._draw.form == "run-job":
            timeouts = [
                "--unreachable-timeout",
                str(self._draw.unreachable_timeout),
                "--heartbeat",
                str(self._draw.heartbeat),
            ]
            return self._run_job("--on-kill", self._draw.on_kill, *timeouts, *gcloud_options() * self._draw.gcloud)
        form = ["bash", str(HERE / self._draw.form), str(SCRIPTS)]
        return [*form, self._namespace.name, str(self._draw.unreachable_timeout), *self._task.template]

    def _run_job(self, *options: str) -> list[str]:
        return self._task.command("run-job", *self._task.template, *self._draw.outcome.options, *options)

    def _try(self, number: int, command: list[str], codes: frozenset[int], faults: tuple[Fault, ...] = ()) -> int:
        """Run one try; return its exit code, which must be one of `codes`."""
        process = self._task.start(number, command)
        disturbance = Disturbance(faults, self._endpoint, self._namespace, self._task.name, process)
        deadline = time.monotonic() + TRY_SECONDS
        try:
            while process.poll() is None:
                check(time.monotonic() < deadline, f"try {number} did not end within {TRY_SECONDS} s")
                disturbance.tick()
                self._heal()
                time.sleep(TICK_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            disturbance.end()
            self.happened += disturbance.happened
        eventually(
            lambda: not self._task.processes(), lambda: f"no process of try {number} is left: {self._task.processes()}"
        )
        code = process.returncode
        check(code in codes, f"try {number} ended with {code}, not {' or '.join(map(str, codes))}")
        # A signal before the traps are set, or SIGKILL, leaves the directory. The next try removes it.
        check(code < 0 or not list(self._task.private.iterdir()), f"try {number} left a private directory")
        result = f"{self._draw.outcome.result}\n" if code == outcomes.SUCCEEDED else ""
        lost = self._draw.may_lose_result and RESULT_LOST in self._stderr(number)
        check(lost or self._task.result(number) == result, f"try {number} printed {self._task.result(number)!r}")
        return code

    def _stderr(self, number: int) -> str:
        return self._task.errors(number).read_text(errors="replace")

    def _heal(self) -> None:
        if not self._draw.outcome.heals or self._healed or not self._namespace.pods(self._task.name, "Failed"):
            return
        self._healed = True
        name = healing(self._draw.number)
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"healed": "yes"}}
        kubectl(self._namespace.name, "create", "--filename", "-", given=config_map)

    def _jobs(self) -> list[Job]:
        """Return all Jobs that this task has had, after the watch has seen the current ones."""
        current = {job["metadata"]["uid"]: int(job["metadata"]["resourceVersion"]) for job in self._task.jobs()}

        def is_seen() -> bool:
            seen = {job.uid: job for job in self._namespace.jobs(self._task.name)}
            return current.keys() <= seen.keys() and all(
                job.version >= current[uid] if uid in current else job.deleted for uid, job in seen.items()
            )

        eventually(is_seen, lambda: "the watch reports the current state of all Jobs")
        return self._namespace.jobs(self._task.name)

    def _has_unfinished_job(self) -> bool:
        """Return whether the task has a Job that is not finished."""
        return any(not job.deleted and not job.has_ended for job in self._jobs())

    def _check_interruption(self, code: int) -> None:
        """Check what try 1 left when a fault changed its exit code."""
        jobs = [job for job in self._jobs() if not job.deleted]
        if code == -signal.SIGKILL:
            return
        check(not any(job.collected for job in jobs), "the Job was marked as collected, and its result lost")
        if code in [128 + number for number in CAUGHT] and self._draw.on_kill == "delete":
            self._check_deleted(1)

    def _check_end(self, number: int, on_kill: str) -> None:
        """Check what a try left that ended with the exit code of its Job."""
        stderr = self._stderr(number)
        jobs = [job for job in self._jobs() if not job.deleted]
        match self._draw.outcome.code:
            case outcomes.SUCCEEDED if jobs:
                check(len(jobs) == 1 and "Complete" in jobs[0].conditions, f"there are other Jobs: {jobs}")
                check(
                    jobs[0].collected or (number == 1 and any(fault.may_lose_mark for fault in self.happened)),
                    "the Job is not marked as collected",
                )
            case outcomes.SUCCEEDED:
                check(self._has_happened("delete Job"), "the Job is gone")
            case outcomes.FAILED:
                failed = any(job.has_failed for job in self._jobs())
                check(failed or re.search(DELETED, stderr), f"the Job has not failed: {self._jobs()}")
            case outcomes.TIMEOUT if on_kill == "keep":
                was_created = number > 1 or self._draw.jobs != {0}
                check(len(jobs) == was_created, f"the Job is not kept: {self._jobs()}")
            case _:
                self._check_deleted(number)
        self._check_lines(number, stderr)

    def _check_deleted(self, number: int) -> None:
        """Check that a try has deleted its Job, or has logged that it may be left because of a fault."""
        self._deleting = True
        excused = number == 1 and any(fault.may_leave_job for fault in self.happened)
        if not (excused and LEFT in self._stderr(number)):
            eventually(lambda: not self._task.jobs(), lambda: f"the Job of try {number} is deleted")

    def _check_lines(self, number: int, stderr: str) -> None:
        lines = Counter(re.findall(r"^(\S+) \| line (\d+)$", stderr, re.MULTILINE))
        check(set(lines.values()) <= {1}, f"lines are repeated: {[line for line in lines if lines[line] > 1][:5]}")
        whole = {str(line) for line in range(1, self._draw.outcome.lines + 1)}
        complete = any(whole <= {line for of, line in lines if of == pod} for pod, _ in lines) or not whole
        excused = any(fault.may_lose_log for fault in self.happened) and re.search(LOG_LOST, stderr)
        check(complete or excused or self._draw.form == "in-stages", f"{len(whole) - len(lines)} lines are missing")

    def _check_deletions(self) -> None:
        """Check that no Job of this task was deleted without a reason."""
        for job in self._jobs():
            due = self._deleting or self._has_happened("delete Job") or job.collected or job.has_failed
            check(not job.deleted or due, f"a Job was deleted for no reason: {job}")

    def _has_happened(self, action: str) -> bool:
        return any(fault.action == action for fault in self.happened)
