"""The tasks of the race: started, waited for, and read about."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from e2e.processes import descendants, read, stat
from e2e.runs import Airflow
from performance.figures import memory_of_all
from performance.observer import until

END_SECONDS = 180  # until a task that must end has ended
PRINTED = re.compile(r"printed (\d+\.\d+)")
TICKS = os.sysconf("SC_CLK_TCK")


class Tasks:
    """The one task of each run of a DAG. `records` is what the tasks write, see dags/race.py."""

    def __init__(self, airflow: Airflow, records: Path) -> None:
        self._airflow, self._records, self._runs = airflow, records, 0

    def start(self, way: str, script: str = "", **conf: Any) -> str:
        """Start a run of a way's DAG; its id."""
        self._runs += 1
        run = f"{way}-{self._runs}"
        self._airflow.trigger(way, run, {"script": script, **conf})
        return run

    def end(self, way: str, run: str, until_time: float | None = None) -> Any:
        """The task instance that has ended; None where it has not until then.

        :param until_time: seconds since the epoch; by default it must end
        """
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        deadline = until_time or time.time() + END_SECONDS
        while True:
            with create_session() as session:
                task = session.query(TaskInstance).filter_by(dag_id=way, run_id=run).one_or_none()
                if task and task.state in ("success", "failed") and task.end_date:
                    session.expunge(task)
                    return task
            if time.time() > deadline:
                assert until_time, f"{way}: the task of {run} does not end:\n{self.log(way, run)}"
                return None
            time.sleep(0.2)

    def log(self, way: str, run: str) -> str:
        """The end of its log."""
        files = sorted((self._airflow.home / f"logs/dag_id={way}/run_id={run}").rglob("*.log"))
        return "".join(file.read_text()[-3000:] for file in files)

    def states(self, way: str, runs: Iterable[str]) -> set[str]:
        """In which states the tasks are."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session() as session:
            states = dict(session.query(TaskInstance.run_id, TaskInstance.state).filter_by(dag_id=way).all())
        return {str(states.get(run)) for run in runs}

    def give_up(self, way: str, run: str) -> None:
        """Mark the run as failed, which ends its task."""
        self._airflow.api("PATCH", f"/dags/{way}/dagRuns/{run}", state="failed")

    def has_begun(self, run: str) -> bool:
        """Whether the operator's code has been called."""
        return bool(self._of(run))

    def first(self, run: str) -> dict[str, Any]:
        """The first record."""
        return self._of(run)[0]

    def cpu(self, run: str) -> float:
        """Seconds of the processor that the task has used on workers."""
        until(lambda: "cpu" in self._of(run)[-1], f"no record of the end of {run}")
        return sum(float(record.get("cpu", 0)) for record in self._of(run))

    def _of(self, run: str) -> list[dict[str, Any]]:
        text = self._records.read_text() if self._records.exists() else ""
        return [record for record in map(json.loads, text.splitlines()) if record["run"] == run]

    def lines(self, way: str, run: str) -> list[float]:
        """Seconds from each line that the container has printed to the time of its entry in the task log."""
        since_boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        late = []
        for file in (self._airflow.home / f"logs/dag_id={way}/run_id={run}").rglob("attempt=1.log"):
            for entry in map(json.loads, file.read_text().splitlines()):
                for printed in PRINTED.findall(str(entry.get("event"))):  # the operators log several lines as one
                    logged = datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00")).timestamp()
                    late.append(logged - since_boot - float(printed))
        return late


def tree(pid: int) -> list[int]:
    """A process and what it has started."""
    return [pid, *descendants(pid)]


def cpu_of_tree(pid: int) -> float:
    """Seconds of the processor, of children that have ended as well."""
    return sum(sum(map(int, fields[11:15])) for fields in map(stat, tree(pid)) if fields) / TICKS


def private_memory(pids: Iterable[int]) -> float:
    """MiB that no other process shares."""
    return memory_of_all(read(pid, "smaps_rollup").decode() for pid in pids)["Private"] / 2**20
