"""Puts a proxy before a test cluster, which breaks things on demand.

    python -m faults start --state DIR --upstream CLUSTER   in the background; returns when it is ready
    python -m faults serve --state DIR --upstream CLUSTER   in the foreground, until Ctrl-C
    python -m faults set --state DIR FAULT...               these faults from now on, and no others
    python -m faults clear --state DIR                      none
    python -m faults count --state DIR                      how many requests of each kind came in, as JSON
    python -m faults stop --state DIR                       ends it and removes DIR

DIR must not exist, or be empty; `. DIR/env` leads gcloud and kubectl to the proxy. CLUSTER is the state directory of a
cluster that runs. README.md tells what a FAULT is.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import sys
from pathlib import Path

from faults.rules import Fault, FaultError
from localgke import background

CONTROL_SECONDS = 10.0


def main(argv: list[str] | None = None) -> None:
    """Runs one command; exits with 1 and one line on stderr if it cannot."""
    parser = argparse.ArgumentParser(
        prog="faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("command", choices=("start", "serve", "set", "clear", "count", "stop"))
    parser.add_argument("fault", nargs="*", metavar="FAULT")
    parser.add_argument("--state", required=True, type=Path, metavar="DIR")
    parser.add_argument("--upstream", type=Path, metavar="CLUSTER")
    arguments = parser.parse_intermixed_args(argv)
    command, state = arguments.command, arguments.state.absolute()
    if (command in ("start", "serve")) != bool(arguments.upstream) or (command == "set") != bool(arguments.fault):
        parser.error("start and serve take --upstream, set takes FAULTs, and nothing else does")
    try:
        if command == "stop":
            background.stop(state)
        elif command in ("set", "clear"):
            set_faults(state, arguments.fault)
        elif command == "count":
            print(json.dumps(count(state)))
        else:
            run(command, state, arguments.upstream.absolute())
    except (FaultError, OSError, background.Problem) as error:
        sys.exit(f"faults: {error}")


def run(command: str, state: Path, upstream: Path) -> None:
    """Starts a proxy, or serves. Raises Problem where no cluster is."""
    if not (upstream / "ready").exists():
        raise background.Problem(f"{upstream} is not the state of a cluster that runs")
    if command == "start":
        background.start("faults", state, "--upstream", str(upstream))
        return
    from faults.server import serve  # only here: the other commands need none of what it imports

    background.claim(state)
    asyncio.run(serve(upstream, state))


def set_faults(state: Path, texts: list[str]) -> None:
    """Replaces the faults of the proxy in `state`; in force when it returns. Raises FaultError."""
    for text in texts:
        Fault.parse(text)
    _ask(state, "PUT", "/faults", json.dumps(texts))


def count(state: Path) -> dict[str, int]:
    """How many requests of each kind came in so far, and how often a fault has struck."""
    counted: dict[str, int] = json.loads(_ask(state, "GET", "/requests"))
    return counted


def _ask(state: Path, method: str, path: str, body: str | None = None) -> str:
    connection = http.client.HTTPConnection((state / "control").read_text(), timeout=CONTROL_SECONDS)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise background.Problem(f"the proxy answered {response.status} {response.reason}; see {state}/server.log")
        return response.read().decode()
    finally:
        connection.close()


if __name__ == "__main__":
    main()
