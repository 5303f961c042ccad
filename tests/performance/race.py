"""The scenarios of the race, in an Airflow that runs. Each adds what it measured to `values` and `outcomes`."""

from __future__ import annotations

import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from subprocess import DEVNULL
from typing import Any

from e2e.processes import parent, stat
from e2e.runs import Airflow
from faults.__main__ import count, count_of, set_faults
from performance.figures import delays
from performance.observer import Observer, until
from performance.tasks import Tasks, cpu_of_tree, private_memory, tree
from performance.ways import EMPTY, VERBS, WAYS, Way

SAMPLE_SECONDS = 1
SETTLING_SECONDS = 15  # KubernetesPodOperator looks every five seconds at a Pod that starts
START_SECONDS = 45  # until the Jobs of all ways run, when they are started at the same time
TAIL_SECONDS = 20  # a Job goes on for so long after an outage
STAGGER_SECONDS = 3
LIMIT_SECONDS = 120  # a task that has not ended so long after its Job counts as never ending
LINES, LINE_SECONDS = 4, 0.5
POLL_SECONDS = 10  # of the operators that poll: the ends of the Jobs are spread over it
LASTING = "exec sleep 100000"
# /proc/uptime is the same in a container, and busybox's date has whole seconds only.
PRINTING = f"for i in $(seq {LINES}); do read up rest </proc/uptime; echo printed $up; sleep {LINE_SECONDS}; done"


class Race:
    """Runs the scenarios. `namespace` is what the namespaces of all ways begin with; `direct` the kubeconfig past the
    proxy before the cluster, so that what is seen here is not counted.
    """

    def __init__(self, airflow: Airflow, ways: Sequence[Way], *, namespace: str, direct: str, records: Path) -> None:
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.requests: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.outcomes: list[dict[str, Any]] = []
        self._airflow, self._ways, self._tasks = airflow, ways, Tasks(airflow, records)
        self._namespace, self._direct = namespace, direct

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Everything is to be done in it."""
        jobs = Observer(annotation="run-id", kubeconfig=self._direct)
        with jobs as self._jobs, Observer(pods=True, kubeconfig=self._direct) as self._pods:
            yield

    # One task after the other.

    def single(self, rounds: int) -> None:
        """Jobs that print lines for some seconds."""
        for number in range(rounds):
            self._empty()
            for way in self._in_turn(number):
                before = count(self._airflow.cluster)
                run = self._tasks.start(way.name, f"{PRINTING}; sleep {number * POLL_SECONDS / rounds:.1f}")
                task = self._tasks.end(way.name, run)
                assert task.state == "success", f"{way.name}: {task.state}:\n{self._tasks.log(way.name, run)}"
                after = count(self._airflow.cluster)
                observer = self._observer(way)
                until(lambda: run in observer.complete, f"the watch has not seen {run} complete")  # noqa: B023
                self._submitted("warm", way, run, task)
                self._note("finish", way, task.end_date.timestamp() - self._seen(observer.complete, run))
                self._note("cpu", way, self._tasks.cpu(run))
                self.values["line"][way.name] += self._tasks.lines(way.name, run)
                for verb in (*VERBS, "any"):
                    self.requests[verb][way.name].append(after[verb] - before[verb])
                self._clean(way)
        base = median(self.values["cpu"].pop(EMPTY))
        for way in self._ways:
            self.values["cpu"][way.name] = [value - base for value in self.values["cpu"][way.name]]

    def cold(self, rounds: int) -> None:
        """The same up to the Job, with no cache."""
        for number in range(rounds):
            for way in (way for way in self._in_turn(number) if not way.deferrable):  # it is submitted in the same way
                run = self._tasks.start(way.name, "true", cold=True)
                task = self._tasks.end(way.name, run)
                assert task.state == "success", f"{way.name}: {task.state}:\n{self._tasks.log(way.name, run)}"
                self._submitted("cold", way, run, task)
                self._clean(way)

    def _submitted(self, cache: str, way: Way, run: str, task: Any) -> None:
        """From the begin of the operator's code; and from that of the task, with what it imports."""
        created = self._seen(self._observer(way).created, run)
        self._note(f"submit_{cache}", way, created - self._tasks.first(run)["began"])
        self._note(f"start_{cache}", way, created - task.start_date.timestamp())

    def _empty(self) -> None:
        run = self._tasks.start(EMPTY)
        self._tasks.end(EMPTY, run)
        self.values["cpu"][EMPTY].append(self._tasks.cpu(run))

    # All at the same time.

    def waiting(self, seconds: int) -> None:
        """One Job of each way that waits in the worker, and a task without a Job, for so long."""
        ways = [way for way in self._ways if not way.deferrable]
        runs = {way.name: self._tasks.start(way.name, LASTING) for way in ways}
        runs[EMPTY] = self._tasks.start(EMPTY, seconds=START_SECONDS + SETTLING_SECONDS + 2 * seconds)
        self._until_running(ways, runs)
        until(lambda: self._tasks.has_begun(runs[EMPTY]), "the empty task does not run")
        time.sleep(SETTLING_SECONDS)
        pids = {name: self._tasks.first(run)["pid"] for name, run in runs.items()}
        asked = {way.name: self._requests(way) for way in ways}
        used = {name: cpu_of_tree(pid) for name, pid in pids.items()}
        memory: dict[str, list[float]] = {name: [] for name in pids}
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            time.sleep(SAMPLE_SECONDS)
            for name, pid in pids.items():
                memory[name].append(private_memory([*tree(pid), parent(pid)]))
        minutes = (time.monotonic() - began) / 60
        for way in ways:
            self._note("wait_requests", way, (self._requests(way) - asked[way.name]) / minutes)
            self._note("wait_cpu", way, (cpu_of_tree(pids[way.name]) - used[way.name]) / minutes)
            base = median(memory[EMPTY])
            self.values["wait_memory"][way.name] = [each - base for each in memory[way.name]]
        self._give_up(runs)
        for way in ways:
            self._clean(way)

    def outage(self, seconds: int) -> None:
        """Nothing listens at the API server's port for so long, while a Job of each way runs on; it ends after that."""
        script = f"sleep {START_SECONDS + seconds + TAIL_SECONDS}"
        runs = {way.name: self._tasks.start(way.name, script) for way in self._ways}
        self._until_running(self._ways, runs)
        time.sleep(SETTLING_SECONDS)
        began = time.time()
        set_faults(self._airflow.cluster, ["refuse"])
        time.sleep(seconds)
        set_faults(self._airflow.cluster, [])
        self._outcomes(f"outage {seconds}", runs, outage=(began, time.time()))

    def fails(self, rounds: int) -> None:
        """Jobs of all ways that fail, one some seconds after the other."""
        for _ in range(rounds):
            runs = {
                way.name: self._tasks.start(way.name, f"sleep {START_SECONDS + STAGGER_SECONDS * number}; exit 3")
                for number, way in enumerate(self._ways)
            }
            self._outcomes("fails", runs, measure="fail")

    def deleted(self) -> None:
        """Somebody deletes the Jobs and Pods of all ways while they run."""
        runs = {way.name: self._tasks.start(way.name, LASTING) for way in self._ways}
        self._until_running(self._ways, runs)
        time.sleep(SETTLING_SECONDS)
        for way in self._ways:
            self._clean(way)
        self._outcomes("deleted", runs, measure="delete")

    def _outcomes(
        self, case: str, runs: dict[str, str], *, outage: tuple[float, float] = (0, 0), measure: str = ""
    ) -> None:
        """Waits for the ends of the tasks, and notes state and seconds: from the end of the Job and of the outage, or
        from the begin of the outage where the task has ended before that. Ends those that do not end.
        """
        for name, run in runs.items():
            observer = self._observer(WAYS[name])
            ends = {"complete": observer.complete, "failed": observer.failed, "deleted": observer.gone}
            until(lambda: any(run in each for each in ends.values()), f"{run} has not ended")  # noqa: B023
            moment, of_job = min((self._seen(each, run), state) for state, each in ends.items() if run in each)
            began, moment = outage[0], max(moment, outage[1])
            task = self._tasks.end(name, run, until_time=moment + LIMIT_SECONDS)
            outcome = {"case": case, "way": name, "job": of_job, "state": "running", "seconds": None, "before": False}
            self.outcomes.append(outcome)
            if task is None:
                self._give_up({name: run})
                continue
            ended = task.end_date.timestamp()
            before = bool(began) and ended < moment
            seconds = ended - (began if before else moment)
            outcome |= {"state": task.state, "seconds": seconds, "before": before}
            if measure:
                self._note(measure, WAYS[name], seconds)
        for name in runs:
            self._clean(WAYS[name])

    def _give_up(self, runs: dict[str, str]) -> None:
        """Ends tasks, and waits for their processes: Airflow marks a task as failed before its process has deleted the
        Job, and these requests must not count for the next task.
        """
        processes = [process for run in runs.values() for process in tree(self._tasks.first(run)["pid"])]
        for name, run in runs.items():
            self._tasks.give_up(name, run)
            self._tasks.end(name, run)
        until(lambda: not any(map(stat, processes)), "the processes of the tasks have not ended")

    # Many of one way at a time.

    def many(self, way: Way, *, jobs: int, ending: int, seconds: int) -> None:
        """So many deferred tasks whose Jobs last; then some more whose Jobs end one after the other."""
        runs = [self._tasks.start(way.name, LASTING) for _ in range(jobs)]
        self._until_deferred(way, runs)
        asked, used, began = self._requests(way), self._triggerer_cpu(), time.monotonic()
        while time.monotonic() < began + seconds:
            time.sleep(SAMPLE_SECONDS)
            of_tasks = [pid for run in runs for pid in tree(self._tasks.first(run)["pid"])]
            self._note("many_worker_memory", way, private_memory(of_tasks))
        minutes = (time.monotonic() - began) / 60
        self._note("many_requests", way, (self._requests(way) - asked) / minutes / jobs)
        self._note("many_cpu", way, (self._triggerer_cpu() - used) / minutes)
        last = [
            self._tasks.start(way.name, f"sleep {START_SECONDS + STAGGER_SECONDS * number}") for number in range(ending)
        ]
        ended = {run: self._tasks.end(way.name, run).end_date.timestamp() for run in last}
        observer = self._observer(way)
        until(lambda: set(last) <= set(observer.complete), "the watch has not seen every Job complete")
        complete = {run: self._seen(observer.complete, run) for run in last}
        self.values["many_finish"][way.name] = delays(complete, ended)
        for run in runs:
            self._tasks.give_up(way.name, run)
        self._clean(way)

    def _until_deferred(self, way: Way, runs: list[str]) -> None:
        patience = START_SECONDS + 20 * len(runs)
        until(
            lambda: self._tasks.states(way.name, runs) == {"deferred"},
            f"{way.name}: not all tasks are deferred",
            patience,
        )
        running = self._observer(way).running
        until(lambda: set(runs) <= set(running), f"{way.name}: not all Jobs run", patience)
        time.sleep(SETTLING_SECONDS)

    def _triggerer_cpu(self) -> float:
        return cpu_of_tree(self._airflow.triggerer.pid)

    def _until_running(self, ways: Sequence[Way], runs: dict[str, str]) -> None:
        for way in ways:
            run, running = runs[way.name], self._observer(way).running
            until(lambda: run in running, f"the watch does not see {run} run")  # noqa: B023

    def _note(self, measure: str, way: Way, value: float) -> None:
        self.values[measure][way.name].append(value)

    def _seen(self, times: dict[str, float], run: str) -> float:
        """In seconds since the epoch."""
        return times[run] + time.time() - time.monotonic()

    def _observer(self, way: Way) -> Observer:
        return self._pods if way.of_pods else self._jobs

    def _in_turn(self, number: int) -> Sequence[Way]:
        return self._ways if number % 2 == 0 else self._ways[::-1]

    def _requests(self, way: Way) -> int:
        return count_of(self._airflow.cluster, f"{self._namespace}-{way.name}").get("any", 0)

    def _clean(self, way: Way) -> None:
        command = ["kubectl", "--kubeconfig", self._direct, "--namespace", f"{self._namespace}-{way.name}"]
        command += ["delete", "pods" if way.of_pods else "jobs", "--all", "--wait=false"]
        subprocess.run(command, check=True, stdout=DEVNULL)
