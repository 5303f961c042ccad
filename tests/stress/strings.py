"""Writes hostile texts into every field that accepts them while the scripts run; exits with 1 when one has an effect.

Each Job is drawn (hostile_jobs.py). While run-job runs it, a text (hostile.py) is written every few hundredths of a
second into a text field (fields.py) of the Job, its Pods, their Events, its ConfigMap, or a forged Event, and every
second into a text field of a node. At the same time follow-job, explain-job, list-jobs and poll-job read the same Job,
and watch-jobs reads all Jobs. The invariants:

- no text is run as a program: the file that such a program would create does not exist;
- no line of the toolkit is imitated, no log group is opened or closed, no control character is printed
  (output_lines.py);
- no outcome changes: each script ends with the exit code, and run-job prints the result, of the Job without the texts.

The few fields that decide the outcome of a Job are left alone: types and states of conditions, the phase of a Pod,
owner references. `--only NUMBER` runs one Job again. The output of the scripts is kept when an invariant is violated.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, Popen

from stress import output_lines
from stress.hostile_jobs import HostileJob, draw
from stress.tampering import Api, Count, Tampering, nodes_tampered
from stress.task import SCRIPTS, Task, WrongError, check, eventually

HERE = Path(__file__).parent
LONGEST_SECONDS = 180  # duration of one script
READERS = ("explain-job", "list-jobs", "list-jobs --json", "poll-job")
RETRIED = 0.25  # share of the Jobs that a second try runs again
FOREIGN_JOB = {65, 78}  # exit codes of a second try: the label with the owner of the Job is hostile, too
PROGRESS = 10  # number of Jobs between two progress messages


@dataclass
class Run:
    """The values that all Jobs of this run share."""

    api: Api
    count: Count
    home: Path
    namespace: str
    seed: int
    mark: Path
    scripts: Counter[str] = field(default_factory=Counter)


class Trial:
    """One Job, and the scripts that read it."""

    def __init__(self, run: Run, drawn: HostileJob) -> None:
        self.wrong: list[str] = []
        self._run, self._drawn = run, drawn
        self._rng = random.Random(f"{run.seed}:{drawn.number}:readers")
        self._directory = run.home / str(drawn.number)
        values, template = {"spec": drawn.spec}, str(HERE / "job.yaml.j2")
        self._task = Task(f"strings-{drawn.number}", self._directory, run.namespace, values, template=template)
        self._environ = {**os.environ, "TMPDIR": str(self._task.private)}
        self._reads = 0

    def carry_out(self) -> None:
        """Run the Job, read it with the other scripts, and check their output."""
        command = self._task.command("run-job", *self._task.template, *self._drawn.options)
        process = self._task.start(1, command)
        self._run.scripts["run-job"] += 1
        try:
            self._tamper_and_read(process)
        except WrongError as error:
            self.wrong.append(str(error))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        self._check_end(process.returncode)

    def _tamper_and_read(self, process: Popen[bytes]) -> None:
        eventually(lambda: self._job() or process.poll() is not None, lambda: "run-job creates a Job")
        job = self._job()
        check(job, "run-job ended without a Job")
        rng = random.Random(f"{self._run.seed}:{self._drawn.number}:texts")
        run = self._run
        tampering = Tampering(run.api, run.count, rng, run.mark, run.namespace, job)
        tampering.excluded = self._drawn.excluded
        tampering.start()
        try:
            self._read_until_end(process, job)
        finally:
            tampering.end()
        check(tampering.has_written, "no text was written")
        check(process.poll() is not None, f"run-job did not end within {LONGEST_SECONDS} s")

    def _read_until_end(self, process: Popen[bytes], job: str) -> None:
        """Read the Job while run-job runs, and once more after it has ended."""
        with ThreadPoolExecutor(1) as pool:
            following = pool.submit(self._read, "follow-job", job, *self._drawn.options)
            deadline = time.monotonic() + LONGEST_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                self._read(self._rng.choice(READERS), job)
                time.sleep(self._rng.random())
            following.result()
        for command in READERS:
            self._read(command, job, finished=True)
        if self._rng.random() < RETRIED and process.poll() is not None:
            self._retry()

    def _retry(self) -> None:
        """Run the Job once more, so that submit-job reads the texts in the existing Job."""
        command = self._task.command("run-job", *self._task.template, *self._drawn.options, "--on-change", "replace")
        process = self._task.start(2, command)
        self._run.scripts["run-job"] += 1
        eventually(lambda: process.poll() is not None, lambda: "the second run-job ends")
        code = process.returncode
        if code not in self._drawn.run_codes | FOREIGN_JOB:
            self.wrong.append(f"the second run-job ended with {code}: {self._task.errors(2)}")
        self._judge_run(2)
        if code == 0 and not _is_same(self._task.result(2), self._drawn.result):
            self.wrong.append(f"the second run-job printed {self._task.result(2)[:200]!r}: {self._task.errors(2)}")

    def _job(self) -> str:
        stderr = self._task.errors(1).read_text(errors="replace")
        found = re.search(r"^submit-job: created Job (\S+) ", stderr, re.MULTILINE)
        return found[1] if found else ""

    def _read(self, reader: str, job: str, *options: str, finished: bool = False) -> None:
        """Run another script and check its output."""
        script, *flags = reader.split()
        self._reads += 1
        name = f"{script}.{self._reads}" if script != "follow-job" else script
        out, err = self._directory / f"{name}.out", self._directory / f"{name}.err"
        about = [] if script == "list-jobs" else ["--job", job]
        command = self._task.command(script, *about, *flags, *options)
        self._run.scripts[script] += 1
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = Popen(command, env=self._environ, stdin=DEVNULL, stdout=stdout, stderr=stderr)
            try:
                code = process.wait(LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        expected = self._drawn.codes(script, finished=finished)
        if code not in expected:
            self.wrong.append(f"{script} ended with {code}, not {sorted(expected)}: {err}")
        diagnosis = output_lines.diagnosis(job)
        kinds: dict[str, Callable[[str], object]] = {
            "explain-job": diagnosis,
            "follow-job": output_lines.is_log,
            "list-jobs": output_lines.is_json if flags else output_lines.is_row,
            "poll-job": lambda _: False,
        }
        self._judge(out, kinds[script])
        self._judge(err, lambda line: output_lines.is_message(line) or (script == "follow-job" and diagnosis(line)))

    def _judge(self, file: Path, is_ours: Callable[[str], object], *, folds: bool = False) -> None:
        found = output_lines.faults(file.read_bytes(), is_ours, folds=folds)
        self.wrong += [f"{fault} in {file}" for fault in found[:3]]

    def _judge_run(self, number: int) -> None:
        diagnosis = output_lines.diagnosis(self._job())

        def is_ours(line: str) -> bool:
            return output_lines.is_message(line) or output_lines.is_log(line) or diagnosis(line)

        self._judge(self._task.errors(number), is_ours, folds=True)
        self._judge(self._directory / f"out.{number}", output_lines.is_json)

    def _check_end(self, code: int) -> None:
        err, out = self._task.errors(1), self._directory / "out.1"
        if code not in self._drawn.run_codes:
            self.wrong.append(f"run-job ended with {code}, not {sorted(self._drawn.run_codes)}: {err}")
        printed, expected = out.read_text(errors="surrogateescape"), self._drawn.result
        if not (_is_same(printed, expected) if expected else printed == ""):
            self.wrong.append(f"run-job printed {printed[:200]!r}, not {expected!r}: {out}")
        self._judge_run(1)
        if left := self._task.processes():
            self.wrong.append(f"processes are left: {left}")


def _is_same(printed: str, expected: str) -> bool:
    """Return whether exactly one line was printed, with equal JSON."""
    is_line = printed.endswith("\n") and printed.count("\n") == 1 and output_lines.is_json(printed)
    return is_line and bool(json.loads(printed) == json.loads(expected))


def watch(run: Run) -> tuple[Popen[bytes], Path]:
    """Start watch-jobs for all Jobs; return the process and its output file."""
    out = run.home / "watch-jobs.out"
    run.scripts["watch-jobs"] += 1
    command = ["bash", str(SCRIPTS / "watch-jobs"), "--namespace", run.namespace]
    with out.open("wb") as stdout, out.with_suffix(".err").open("wb") as stderr:
        return Popen(command, stdin=DEVNULL, stdout=stdout, stderr=stderr), out


def trials(run: Run, numbers: list[int], parallel: int) -> list[str]:
    """Run all Jobs, `parallel` at a time; return what is wrong."""
    wrong: list[str] = []

    def tried(drawn: HostileJob) -> tuple[HostileJob, list[str]]:
        trial = Trial(run, drawn)
        trial.carry_out()
        return drawn, trial.wrong

    began = time.monotonic()
    with ThreadPoolExecutor(parallel) as pool:
        futures = [pool.submit(tried, draw(run.seed, number, run.mark)) for number in numbers]
        for done, future in enumerate(as_completed(futures), 1):
            drawn, found = future.result()
            for fault in found:
                print(f"WRONG {drawn.number} ({drawn.name}): {fault}", flush=True)
            wrong += found
            if done % PROGRESS == 0:
                seconds = time.monotonic() - began
                print(f"{done} of {len(numbers)} Jobs, {len(wrong)} wrong, {seconds:.0f} s; {run.count}", flush=True)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", type=int, help="the number of one Job of that seed")
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--fields", action="store_true", help="show how often each field was tried and accepted")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    numbers = list(range(options.count)) if options.only is None else [options.only]
    home = Path(tempfile.mkdtemp(prefix="stress-strings-"))
    with Api.served(home) as api:
        run = Run(api, Count(), home, options.namespace, options.seed, home / "executed")
        watching, seen = watch(run)
        with nodes_tampered(api, run.count, random.Random(f"{options.seed}:nodes"), run.mark):
            wrong = trials(run, numbers, options.parallel)
        ended = watching.poll()
        watching.terminate()
        watching.wait()
    late = [] if ended is None else [f"watch-jobs ended with {ended}"]
    late += [f"{fault} in {seen}" for fault in output_lines.faults(seen.read_bytes(), output_lines.is_event)]
    late += output_lines.faults(seen.with_suffix(".err").read_bytes(), output_lines.is_message)
    late += [f"a text was run as a program: {run.mark} exists"] if run.mark.exists() else []
    for fault in late:
        print(f"WRONG: {fault}")
    if options.fields:
        for (kind, name), tried in sorted(run.count.tried.items()):
            print(f"  {kind} {name}: {tried} tried, {run.count.accepted[kind, name]} accepted")
    print(f"{run.count}; {len(numbers)} Jobs, {run.scripts.total()} runs, {len(wrong) + len(late)} wrong")
    if wrong or late:
        return 1
    shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
