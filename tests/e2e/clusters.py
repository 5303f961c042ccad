"""The cluster of the end-to-end tests: the stand-in for GKE, with a proxy that counts requests if wanted."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def stand_in(directory: Path, *, counted: bool) -> Iterator[Path]:
    """Start the cluster, make it kubectl's current context, and yield its state directory.

    :param counted: start a proxy in front of it, and yield the proxy's state directory, for `faults.__main__.count`
    """
    with contextlib.ExitStack() as stack:
        cluster = directory / "localgke"
        start(stack, "localgke", cluster)
        os.environ["NAMESPACE"] = "default"
        if counted:
            yield stack.enter_context(proxy(directory, cluster))
        else:
            lead_to(cluster)
            yield cluster


@contextlib.contextmanager
def proxy(directory: Path, upstream: Path) -> Iterator[Path]:
    """The state directory of a proxy before a cluster, which kubectl's current context leads to from now on."""
    with contextlib.ExitStack() as stack:
        state = directory / "proxy"
        start(stack, "faults", state, "--upstream", str(upstream))
        lead_to(state)
        yield state


def lead_to(state: Path) -> None:
    """Have this process and what it starts use a cluster, by its state directory."""
    lines = (state / "env").read_text().splitlines()
    os.environ |= dict(line.removeprefix("export ").split("=", 1) for line in lines)


def start(stack: contextlib.ExitStack, module: str, state: Path, *arguments: str) -> None:
    """Start a server of the tests; the end of `stack` stops it."""
    command = [sys.executable, "-m", module]
    subprocess.run([*command, "start", "--state", state, *arguments], check=True)
    stack.callback(subprocess.run, [*command, "stop", "--state", state], check=True)
