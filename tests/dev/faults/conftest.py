"""Shared by the tests of the proxy: a stand-in with a proxy in front of it, and kubectl through the proxy."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faults.__main__ import count, set_faults
from localgke.conftest import TESTS, Cluster, cluster
from polling import wait_until

__all__ = ["cluster"]  # a fixture of this directory too

SECONDS = 30
JOBS = "/apis/batch/v1/namespaces/default/jobs"
WATCH = ("get", "--raw", f"{JOBS}?watch=1")
GONE = "The resourceVersion for the provided watch is too old."


def faults(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs `python -m faults` as a user does."""
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "faults", *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)


@dataclass
class Command:
    """A command in the background; `text` is its output so far, stdout and stderr."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def text(self) -> str:
        return self.file.read_text()

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def until(self, text: str) -> Command:
        """Waits until it has printed `text`."""
        wait_until(lambda: text in self.text, lambda: f"it has printed {text!r}: {self.text}")
        return self

    def end(self) -> tuple[int, str]:
        """Waits for its end; returns its exit code and its output."""
        return self.process.wait(SECONDS), self.text


@dataclass
class Proxy:
    """A running proxy; commands in the background end with the test."""

    state: Path
    env: dict[str, str]
    directory: Path
    commands: list[Command] = field(default_factory=list)

    def set(self, *texts: str) -> None:
        set_faults(self.state, list(texts))

    def clear(self) -> None:
        set_faults(self.state, [])

    def count(self) -> dict[str, int]:
        return count(self.state)

    def kubectl(self, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        command = ("kubectl", *arguments)
        return subprocess.run(
            command, env={**self.env, **env}, input=stdin, capture_output=True, text=True, check=False, timeout=SECONDS
        )

    def start(self, *arguments: str) -> Command:
        """Starts kubectl in the background."""
        file = self.directory / f"output.{len(self.commands)}"
        with file.open("wb") as output:
            process = subprocess.Popen(("kubectl", *arguments), env=self.env, stdout=output, stderr=output)
        self.commands.append(Command(process, file))
        return self.commands[-1]

    def create_job(self, name: str, command: str = "", *, suspend: bool = False) -> subprocess.CompletedProcess[str]:
        container = {"name": "main", "image": "busybox:1.37", "command": ["sh", "-c", command]}
        template = {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}}
        spec = {"suspend": suspend, "template": template}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
        return self.kubectl("create", "--filename", "-", stdin=json.dumps(job))

    def running_watch(self, name: str) -> Command:
        """Creates a Job; returns a running watch that has shown it."""
        assert self.create_job(name, suspend=True).returncode == 0
        return self.start(*WATCH).until(f'"{name}"')

    def running_log(self, name: str, command: str = "echo first; sleep 1000") -> Command:
        """Creates a Job whose Pod keeps running; returns its followed log, which has shown the first line."""
        assert self.create_job(name, command).returncode == 0
        wait_until(lambda: "first" in self.kubectl("logs", f"job/{name}").stdout)
        return self.start("logs", "--follow", f"job/{name}").until("first")


@pytest.fixture(scope="session")
def running(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """One proxy for all tests: its state directory, and its environment variables."""
    state = tmp_path_factory.mktemp("faults") / "state"
    started = faults("start", "--state", state, "--upstream", cluster.state)
    assert started.returncode == 0, started.stderr
    exports = (line.removeprefix("export ") for line in (state / "env").read_text().splitlines())
    yield state, {**cluster.env, **dict(shlex.split(export)[0].split("=", 1) for export in exports)}
    log = (state / "server.log").read_text()
    stopped = faults("stop", "--state", state)
    assert (stopped.returncode, stopped.stderr, log) == (0, "", "")


@pytest.fixture
def proxy(running: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[Proxy]:
    """The proxy, without faults."""
    proxy = Proxy(*running, tmp_path)
    proxy.clear()
    # kubectl caches the discovery that precedes its first request.
    assert proxy.kubectl("get", "jobs").returncode == 0
    yield proxy
    proxy.clear()
    for command in proxy.commands:
        command.process.kill()
        command.process.wait()
