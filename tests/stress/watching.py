"""Watches the Jobs and Pods of a namespace without a proxy, so that no fault affects it; it remembers deleted Jobs."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import PIPE, Popen
from typing import Any

from stress.task import check

WATCH = "watch=1&timeoutSeconds=86400"  # by default the server ends a watch within an hour


@dataclass(frozen=True)
class Job:
    """The last seen state of a Job."""

    name: str
    uid: str
    version: int
    collected: bool
    conditions: tuple[str, ...]
    deleted: bool

    @classmethod
    def of(cls, event: dict[str, Any]) -> Job:
        """Return the Job of a watch event."""
        metadata, status = event["object"]["metadata"], event["object"].get("status", {})
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            collected="gke-job/collected" in metadata["annotations"],
            conditions=tuple(each["type"] for each in status.get("conditions", []) if each["status"] == "True"),
            deleted=event["type"] == "DELETED",
        )

    @property
    def has_failed(self) -> bool:
        """Return whether the Job has failed, or is about to (FailureTarget)."""
        return not {"Failed", "FailureTarget"}.isdisjoint(self.conditions)

    @property
    def has_ended(self) -> bool:
        """Return whether the Job is finished."""
        return self.has_failed or "Complete" in self.conditions


class Namespace:
    """The Jobs of a namespace by run id, in the order of creation, and the Pods by Job."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: defaultdict[str, dict[str, Job]] = defaultdict(dict)
        self._pods: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._watches: list[Popen[str]] = []

    def jobs(self, run: str) -> list[Job]:
        """Return all Jobs of a run, the deleted ones too."""
        check(all(watch.poll() is None for watch in self._watches), "a watch of this program has ended")
        return list(self._jobs[run].values())

    def pods(self, run: str, phase: str) -> list[str]:
        """Return the names of the Pods of a run in a phase."""
        names = {job.name for job in self.jobs(run)}
        return [pod for name in names for pod, now in list(self._pods[name].items()) if now == phase]

    @contextmanager
    def watched(self) -> Iterator[Namespace]:
        """Watch the namespace inside the context."""
        threads = [
            self._start(f"/apis/batch/v1/namespaces/{self.name}/jobs", self._job_event),
            self._start(f"/api/v1/namespaces/{self.name}/pods", self._pod_event),
        ]
        try:
            yield self
        finally:
            for watch in self._watches:
                watch.kill()
            for thread in threads:
                thread.join()

    def _start(self, path: str, event: Callable[[dict[str, Any]], None]) -> threading.Thread:
        watch = Popen(["kubectl", "get", "--raw", f"{path}?{WATCH}"], stdout=PIPE, stderr=subprocess.DEVNULL, text=True)
        self._watches.append(watch)

        def read() -> None:
            with watch:
                assert watch.stdout is not None  # it is a pipe
                for line in watch.stdout:
                    event(json.loads(line))

        thread = threading.Thread(target=read)
        thread.start()
        return thread

    def _job_event(self, event: dict[str, Any]) -> None:
        job = Job.of(event)
        self._jobs[event["object"]["metadata"]["annotations"]["gke-job/run-id"]][job.uid] = job

    def _pod_event(self, event: dict[str, Any]) -> None:
        metadata = event["object"]["metadata"]
        phase = "Deleted" if event["type"] == "DELETED" else event["object"]["status"]["phase"]
        self._pods[metadata["labels"]["job-name"]][metadata["name"]] = phase
