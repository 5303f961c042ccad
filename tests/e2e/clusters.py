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
        cluster = state = directory / "localgke"
        start(stack, "localgke", cluster)
        if counted:
            state = directory / "proxy"
            start(stack, "faults", state, "--upstream", str(cluster))
        lines = (state / "env").read_text().splitlines()
        os.environ |= dict(line.removeprefix("export ").split("=", 1) for line in lines)
        os.environ["NAMESPACE"] = "default"
        yield state


def start(stack: contextlib.ExitStack, module: str, state: Path, *arguments: str) -> None:
    """Start a server of the tests; the end of `stack` stops it."""
    command = [sys.executable, "-m", module]
    subprocess.run([*command, "start", "--state", state, *arguments], check=True)
    stack.callback(subprocess.run, [*command, "stop", "--state", state], check=True)
