"""Selects the lines of the toolkit from the output of `airflow dags test`, without Airflow's own lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

LOG_FORMAT = "%(asctime)s <%(name)s> %(message)s"  # of Airflow's output
OPERATOR = re.compile(r"^[^<]*<airflow\.task\.operators\.[\w.]*GkeJobOperator> (.*)$")
SUMMARY = "gke-job-summary: "
TIMELINE = "timeline: "
# Links to the console and to Cloud Logging, which have nothing about a test cluster.
ADDRESSES = re.compile(r"run-job: (console|Cloud Logging|logs)\b")
TASK = re.compile(r"\[DAG TEST\] starting task_id=(\w+)")  # the same in all versions of Airflow
RELEASE = re.compile(r"gke-job \S+$")  # the first line of a task's log
FOLD, UNFOLD = "::group::", "::endgroup::"
# Removed from lines: the name of the script, and the DAG and task in names of Jobs and Pods, which the heading has.
SCRIPT = re.compile(r"^(?:run|submit|follow|collect)-job: ")
POD = re.compile(r"\bshowcase-[a-z]+-[0-9a-f]{8}-((?:\d+-)?[a-z0-9]{5})\b")
JOB = re.compile(r"\bshowcase-([a-z]+)-[0-9a-f]{8}\b")
PURPOSES = {  # of each try of a task
    "finetune": ("a spot pool gets its first node, the node is preempted, another Pod resumes from the checkpoint",),
    "train": (
        "the profile small has too little memory, so the Pod is OOMKilled",
        "after the OOMKilled try the task gets the next larger profile, and the same program succeeds",
    ),
    "sweep": ("six tries in one Job, four Pods at once",),
}


class Output:
    """Processes the output line by line. summaries, timelines: of the Job runs so far, in order."""

    def __init__(self) -> None:
        self.summaries: list[dict[str, Any]] = []
        self.timelines: list[str] = []
        self._task, self._tries = "", Counter[str]()
        self._is_in_fold = False
        self._is_in_timeline = False

    def lines(self, line: str) -> Iterator[str]:
        """Yield the lines to show now for a line of the output."""
        match = OPERATOR.match(line)
        if not match:
            self._task = task[1] if (task := TASK.search(line)) else self._task
            return
        text = match[1].replace("\u00a0", " ")  # the operator writes these for Airflow's UI
        self._is_in_timeline = self._is_in_timeline and text.startswith("  ")
        if text.startswith((FOLD, UNFOLD)):
            self._is_in_fold = text.startswith(FOLD)
        elif text.startswith(SUMMARY):
            self.summaries.append(json.loads(text.removeprefix(SUMMARY)))
        elif RELEASE.match(text):
            self._tries[self._task] += 1
            yield f"\n{self._task}, try {self._tries[self._task]}: {self._purpose()}"
        elif text.startswith(TIMELINE):
            self._is_in_timeline = True
            self.timelines.append(text)
        elif self._is_in_timeline:
            self.timelines[-1] += f"\n{text}"
        elif not self._is_in_fold and not ADDRESSES.match(text) and text != "null":
            yield JOB.sub(r"\1", POD.sub(r"\1", SCRIPT.sub("", text)))

    def _purpose(self) -> str:
        texts = PURPOSES.get(self._task, ("",))
        return texts[min(self._tries[self._task], len(texts)) - 1]

    def endings(self) -> str:
        """Return the timelines, each with a heading of its task, try and profile."""
        heads = (f"{one['task_id']}, try {one['try_number']}, profile {one['profile']}" for one in self.summaries)
        return "\n\n".join(f"{head}\n{timeline}" for head, timeline in zip(heads, self.timelines, strict=False))

    def missing(self, *, with_spot: bool) -> list[str]:
        """Return the events that the demo must show and has not shown."""
        found = {
            "a Pod that ran out of memory": any(one["oom_kills"] for one in self.summaries),
            "a larger attempt after it": len({one["profile"] for one in self._of("train")}) > 1,
            "a sweep of several Pods": any(one["pods"] > 1 for one in self._of("sweep")),
        }
        if with_spot:
            found["a Pod that was preempted and another one that finished"] = any(
                one["preemptions"] and one["exit_code"] == 0 for one in self.summaries
            )
        return [what for what, is_there in found.items() if not is_there]

    def _of(self, task: str) -> list[dict[str, Any]]:
        return [one for one in self.summaries if one["task_id"] == task]
