"""Shared by the tests of the stand-in: a running cluster for the real tools, and an API server in the test process."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import test_utils

from localgke import api as api_module
from localgke import config
from localgke.store import Store

TESTS = Path(__file__).parents[1]
# The machine's kubectl, and the newer one in the venv.
KUBECTLS = {name for name in (shutil.which("kubectl"), str(Path(sys.executable).parent / "kubectl")) if name}


def localgke(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs `python -m localgke` as a user does."""
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "localgke", *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)


@dataclass(frozen=True)
class Cluster:
    """A running stand-in, and its environment variables."""

    state: Path
    env: dict[str, str]

    def run(self, *command: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Runs a command against the cluster."""
        return subprocess.run(
            command, env={**self.env, **env}, input=stdin, capture_output=True, text=True, check=False, timeout=300
        )


def cluster_of(state: Path, *options: str | Path) -> Iterator[Cluster]:
    """Runs a stand-in."""
    started = localgke("start", "--state", state, *options)
    assert started.returncode == 0, started.stderr
    exports = (line.removeprefix("export ") for line in (state / "env").read_text().splitlines())
    env = dict(shlex.split(export)[0].split("=", 1) for export in exports)
    yield Cluster(state, {**os.environ, "KUBECACHEDIR": str(state / "kubectl"), **env})
    stopped = localgke("stop", "--state", state)
    assert stopped.returncode == 0, stopped.stderr


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for all tests that use the real tools; each test makes objects with its own names."""
    yield from cluster_of(tmp_path_factory.mktemp("localgke") / "state")


@dataclass(frozen=True)
class Kubectl:
    """A kubectl; `name` makes the names of its objects unique."""

    cluster: Cluster
    program: str
    number: int

    def __call__(self, *arguments: str, manifest: object = None, fails: bool = False) -> str:
        """Runs kubectl; returns its stdout, or its stderr if it must fail."""
        stdin = json.dumps(manifest) if manifest else ""  # JSON is YAML, and --raw requires it
        done = self.cluster.run(self.program, *arguments, stdin=stdin)
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    def name(self, name: str) -> str:
        return f"{name}-{self.number}"


@pytest.fixture(params=sorted(KUBECTLS))
def kubectl(request: pytest.FixtureRequest, cluster: Cluster) -> Kubectl:
    """Each available kubectl."""
    return Kubectl(cluster, request.param, sorted(KUBECTLS).index(request.param))


Scenario = Callable[[test_utils.TestClient], Awaitable[Any]]


@dataclass(frozen=True)
class Api:
    """An API server without controllers: only the test changes objects."""

    store: Store
    state: Path

    def run(self, scenario: Scenario) -> Any:
        """Returns the result of `scenario`, which gets an authenticated HTTP client."""

        async def main() -> Any:
            server = test_utils.TestServer(api_module.make_app(self.store, config.load(), self.state))
            async with test_utils.TestClient(server, headers={"Authorization": "Bearer admin-token"}) as client:
                return await asyncio.wait_for(scenario(client), 30)

        return asyncio.run(main())


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """An API server with only the namespace `default`."""
    store = Store()
    store.create("namespaces", {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "default"}})
    return Api(store, tmp_path)
