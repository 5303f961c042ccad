"""Runs a proxy in front of a test cluster, which injects faults on demand.

    python -m faults start --state DIR --upstream CLUSTER   in the background; returns when it is ready
    python -m faults serve --state DIR --upstream CLUSTER   in the foreground, until Ctrl-C
    python -m faults set --state DIR FAULT...               replaces the faults
    python -m faults clear --state DIR                      removes all faults
    python -m faults count --state DIR                      prints the number of requests of each kind, as JSON
    python -m faults stop --state DIR                       stops the proxy and removes DIR

DIR must not exist, or be empty; `. DIR/env` configures gcloud and kubectl for the proxy. CLUSTER is the state directory
of a running cluster. README.md documents FAULT.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import sys
from pathlib import Path
from urllib.parse import quote

from faults.rules import Fault, FaultError
from localgke import background

CONTROL_SECONDS = 10.0


def main(argv: list[str] | None = None) -> None:
    """Runs one command; exits with 1 and one line on stderr if it fails."""
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
    """Starts a proxy, or serves. Raises Problem if no cluster runs."""
    if not (upstream / "ready").exists():
        raise background.Problem(f"{upstream} is not the state of a cluster that runs")
    if command == "start":
        background.start("faults", state, "--upstream", str(upstream))
        return
    from faults.server import serve  # here, because the other commands do not need its imports

    background.claim(state)
    asyncio.run(serve(upstream, state))


def set_faults(state: Path, texts: list[str]) -> None:
    """Replaces the faults of the proxy in `state`; they are active when it returns. Raises FaultError."""
    for text in texts:
        Fault.parse(text)
    _ask(state, "PUT", "/faults", json.dumps(texts))


def count(state: Path) -> dict[str, int]:
    """Returns the number of requests of each kind so far, and under `struck` how many met a fault."""
    counted: dict[str, int] = json.loads(_ask(state, "GET", "/requests"))
    return counted


def count_of(state: Path, namespace: str) -> dict[str, int]:
    """The same for the objects of one namespace, of the kinds that came in alone."""
    counted: dict[str, int] = json.loads(_ask(state, "GET", f"/requests?namespace={quote(namespace)}"))
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
