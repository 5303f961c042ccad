"""The cluster of the live tests: the stand-in for GKE, where somebody counts with a proxy before it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def stand_in(directory: Path, *, counted: bool) -> Iterator[Path]:
    """The state directory of what kubectl's current context leads to from now on.

    :param counted: whether that is a proxy, for `faults.__main__.count`
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
    """Start a server of the tests that the end of `stack` stops."""
    command = [sys.executable, "-m", module]
    subprocess.run([*command, "start", "--state", state, *arguments], check=True)
    stack.callback(subprocess.run, [*command, "stop", "--state", state], check=True)
