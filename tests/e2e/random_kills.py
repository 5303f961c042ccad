"""Kills workers and triggerers of a real Airflow at random moments; exits with 1 when an invariant is violated.

One run of a DAG follows another. Half of its tasks wait for their Jobs in one of two workers; the other half, deferred,
wait in one of two triggerers. Each kill is drawn from --seed: a worker that has a task or a triggerer that watches, and
which of them; SIGTERM, and SIGKILL after a grace period as in a container, or SIGKILL at once, to all its processes;
and the pause before the kill. The part is started again at once. The Jobs of a run end after KILLS_A_RUN kills, when
all its tasks wait for their Jobs again. The invariants after the last kill:

- each task succeeds, with its result;
- each task has had one Job, and each Job one Pod: no kill repeats work;
- no Job and no process of the toolkit is left running.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from e2e.jobs import end_job, found
from e2e.parts import Part
from e2e.processes import descendants, environment, processes, read
from e2e.runs import Airflow, running_airflow
from polling import wait_until

DAG_ID = "killed_at_random"
KILLS_A_RUN = 3
LONGEST_PAUSE, LONGEST_GRACE = 6.0, 6.0  # seconds
# Airflow must retry a task of a dead worker, running or taken from the broker, soon and as often as needed.
SETTINGS = {
    "NUM_STUCK_IN_QUEUED_RETRIES": 1000,
    "SCHEDULER_ZOMBIE_TASK_THRESHOLD": 10,
    "TASK_INSTANCE_HEARTBEAT_TIMEOUT": 10,
    "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 2,
    "TASK_QUEUED_TIMEOUT": 30,
    "TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": 5,
    "ZOMBIE_DETECTION_INTERVAL": 2,
}


@dataclass(frozen=True)
class Kill:
    """One drawn kill.

    kind: of the part; choice: selects one of the parts that have work, from 0 to 1; pause: seconds before the kill;
    grace: seconds from SIGTERM to SIGKILL, None without SIGTERM.
    """

    kind: str
    choice: float
    pause: float
    grace: float | None

    @classmethod
    def draw(cls, seed: int, number: int) -> Kill:
        """Draw the kill with this number."""
        rng = random.Random(f"{seed}:{number}")
        return cls(
            kind=rng.choice(["worker", "worker", "triggerer"]),
            choice=rng.random(),
            pause=rng.uniform(0, LONGEST_PAUSE),
            grace=rng.uniform(0, LONGEST_GRACE) if rng.random() < 0.5 else None,
        )

    def carry_out(self, part: Part) -> None:
        """Kill the part, and start it again."""
        if self.grace is not None:
            part.stop()
            deadline = time.monotonic() + self.grace
            while not part.has_ended() and time.monotonic() < deadline:
                time.sleep(0.1)
        part.kill()
        part.start()


class Work:
    """The uids of the Jobs that each task has ever had, and of the Pods of each Job."""

    def __init__(self) -> None:
        self.jobs: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.pods: defaultdict[str, set[str]] = defaultdict(set)

    @contextmanager
    def watched(self) -> Iterator[Work]:
        """Watch Jobs and Pods inside the context."""
        paths = {
            "/apis/batch/v1/namespaces/default/jobs": self._record_job,
            "/api/v1/namespaces/default/pods": self._note_pod,
        }
        watches, threads = [], []
        for path, note in paths.items():
            command = ["kubectl", "get", "--raw", f"{path}?watch=1&timeoutSeconds=86400"]
            watches.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            threads.append(threading.Thread(target=self._read, args=(watches[-1], note)))
            threads[-1].start()
        try:
            yield self
            assert all(watch.poll() is None for watch in watches), "a watch of this program has ended"
        finally:
            for watch, thread in zip(watches, threads, strict=True):
                watch.kill()
                thread.join()

    def _read(self, watch: subprocess.Popen[str], note: Any) -> None:
        with watch:
            for line in watch.stdout or ():
                note(json.loads(line)["object"]["metadata"])

    def _record_job(self, metadata: dict[str, Any]) -> None:
        run, task = (metadata["annotations"][f"gke-job/{name}"] for name in ("run-id", "task-id"))
        self.jobs[run, task].add(metadata["uid"])

    def _note_pod(self, metadata: dict[str, Any]) -> None:
        self.pods[metadata["ownerReferences"][0]["uid"]].add(metadata["uid"])


def states() -> dict[tuple[str, str], tuple[str, int]]:
    """Return state and try number of each task, by run id and task id."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(TaskInstance.run_id, TaskInstance.task_id, TaskInstance.state, TaskInstance.try_number)
        return {(run, task): (str(state), number) for run, task, state, number in found.filter_by(dag_id=DAG_ID)}


def results() -> dict[tuple[str, str], str]:
    """Return the result of each task that has one, as text, by run id and task id."""
    from airflow.utils.session import create_session
    from sqlalchemy import text

    with create_session() as session:
        rows = session.execute(text("SELECT run_id, task_id, value FROM xcom WHERE key = 'return_value'")).all()
    return {
        (run, task): bytes(value).decode() if isinstance(value, memoryview) else str(value) for run, task, value in rows
    }


def unfinished(tasks: dict[tuple[str, str], tuple[str, int]]) -> set[tuple[str, str]]:
    """Return the tasks that are not finished."""
    return {task for task, (state, _) in tasks.items() if state not in ("success", "failed", "upstream_failed")}


def scripts(pids: Iterable[int] | None = None) -> list[str]:
    """Return the command lines of the toolkit's processes, among `pids` or all processes."""
    mark = f"AIRFLOW_HOME={os.environ['AIRFLOW_HOME']}".encode()
    ours = {os.getpid(), *descendants(os.getpid())} if pids is None else set()
    others = (pid for pid in (processes() if pids is None else pids) if pid not in ours and mark in environment(pid))
    lines = (read(pid, "cmdline").replace(b"\0", b" ").decode() for pid in others)
    return [line for line in lines if "/dags/scripts/" in line or line.startswith("kubectl ")]


def running_jobs() -> list[str]:
    """Return the names of the Jobs that are not finished."""
    return [job["metadata"]["name"] for job in found("jobs") if not job["status"].get("conditions")]


def settle(expected: str, left: Callable[[], Any]) -> list[str]:
    """Wait until `left` returns nothing; return the violations."""
    try:
        wait_until(lambda: not left(), lambda: f"{expected}: {left()}")
    except AssertionError as error:
        return [str(error)]
    return []


def violations(work: Work, runs: list[str], tasks_of_run: int) -> list[str]:
    """Return a line for each task that has the wrong state, result, or number of Jobs or Pods."""
    ended, returned = states(), results()
    violated = []
    for task in [(run, f"job_{number}") for run in runs for number in range(tasks_of_run)]:
        state, number = ended.get(task, ("missing", 0))
        jobs = work.jobs[task]
        pods = {pod for job in jobs for pod in work.pods[job]}
        expected = task[1].removeprefix("job_")
        if (state, returned.get(task), len(jobs), len(pods)) != ("success", expected, 1, 1):
            found = f"{state} in try {number}, result {returned.get(task)}, {len(jobs)} Jobs, {len(pods)} Pods"
            violated.append(f"{task[1]} of {task[0]}: {found}")
    return violated


def waiting_tasks() -> set[tuple[str, str]]:
    """Return the tasks that have a process of a script, by run id and task id."""
    names = (b"AIRFLOW_CTX_DAG_RUN_ID", b"AIRFLOW_CTX_TASK_ID")
    mark = f"AIRFLOW_HOME={os.environ['AIRFLOW_HOME']}".encode()
    found = (
        dict(line.split(b"=", 1) for line in variables if b"=" in line)
        for variables in map(environment, processes())
        if mark in variables
    )
    return {(run.decode(), task.decode()) for run, task in (map(one.get, names) for one in found) if run and task}


def wait_again(run: str) -> bool:
    """Return whether each task of a run waits for its Job or is finished."""
    tasks, served = states(), waiting_tasks()
    ours = unfinished(tasks) & {task for task in tasks if task[0] == run}
    return all(tasks[task][0] == "deferred" or (tasks[task][0] == "running" and task in served) for task in ours)


def end_jobs(run: str) -> set[tuple[str, str]]:
    """End the Jobs of a run; return its unfinished tasks."""
    end_job(run)
    return {task for task in unfinished(states()) if task[0] == run}


def end_run(run: str) -> list[str]:
    """End the Jobs of a run once all its tasks wait for them; return the violations."""
    return [
        *settle("all tasks wait for their Jobs", lambda: not wait_again(run) and states()),
        *settle("all tasks are finished", lambda: end_jobs(run)),
    ]


def kill_parts(airflow: Airflow, kills: list[Kill]) -> tuple[list[str], list[str]]:
    """Carry out all kills, KILLS_A_RUN in each run of the DAG; return the runs and the violations."""
    workers = [airflow.worker, airflow.start_worker("second-worker", queue="default", slots=airflow.slots)]
    triggerers = [airflow.triggerer, airflow.start_triggerer("second-triggerer")]
    parts = {"worker": workers, "triggerer": triggerers}
    runs: list[str] = []
    violated: list[str] = []
    began = time.monotonic()
    for number, kill in enumerate(kills):
        if number % KILLS_A_RUN == 0:
            violated += end_run(runs[-1]) if runs else []
            runs.append(f"run-{len(runs)}")
            airflow.trigger(DAG_ID, runs[-1])
            print(f"{number} of {len(kills)} kills, {time.monotonic() - began:.0f} s", flush=True)
        busy = wait_until(
            lambda kill=kill: [part for part in parts[kill.kind] if scripts(part.processes())],
            lambda kill=kill: f"a {kill.kind} has work: {states()}",
        )
        time.sleep(kill.pause)
        kill.carry_out(busy[int(kill.choice * len(busy))])
    return runs, violated + end_run(runs[-1])


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--count", type=int, default=100, help="kills")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--tasks", type=int, default=6, help="tasks in a run of the DAG")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    kills = [Kill.draw(options.seed, number) for number in range(options.count)]
    os.environ["RANDOM_KILLS_TASKS"] = str(options.tasks)
    with running_airflow("killed_at_random.py", slots=8, settings=SETTINGS) as airflow, Work().watched() as work:
        began = time.monotonic()
        runs, violated = kill_parts(airflow, kills)
        violated += [*settle("no Job runs", running_jobs), *settle("no process is left", scripts)]
        violated += violations(work, runs, options.tasks)
        took = time.monotonic() - began
        tries = sum(number for _, number in states().values())
    for line in violated:
        print(f"WRONG {line}", flush=True)
    of_workers, stopped = sum(kill.kind == "worker" for kill in kills), sum(kill.grace is not None for kill in kills)
    print(f"{len(kills)} kills: {of_workers} of workers, {len(kills) - of_workers} of triggerers", end="")
    print(f"; {stopped} with SIGTERM first")
    jobs = sum(map(len, work.jobs.values()))
    print(f"{len(runs) * options.tasks} tasks, {tries} tries, {jobs} Jobs, {len(violated)} wrong; {took:.0f} s")
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
