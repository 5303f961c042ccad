"""Starts and stops the local stand-in for GKE.

    python -m localgke start --state DIR [--config FILE]   in the background; returns when it is ready
    python -m localgke serve --state DIR [--config FILE]   in the foreground, until Ctrl-C
    python -m localgke stop --state DIR                    stops it and removes DIR

DIR must not exist, or be empty; `. DIR/env` configures gcloud and kubectl for the stand-in.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from localgke import background, config


def main(argv: list[str] | None = None) -> None:
    """Runs one command; exits with 1 and one line on stderr if it fails."""
    parser = argparse.ArgumentParser(
        prog="localgke", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("command", choices=("start", "serve", "stop"))
    parser.add_argument("--state", required=True, type=Path, metavar="DIR")
    parser.add_argument("--config", default=config.DEFAULT, type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    state, file = arguments.state.absolute(), arguments.config.absolute()
    try:
        if arguments.command == "start":
            start(state, file)
        elif arguments.command == "serve":
            serve(state, file)
        else:
            background.stop(state)
    except (config.ConfigError, OSError, background.Problem) as error:
        sys.exit(f"localgke: {error}")


def start(state: Path, file: Path) -> None:
    """Starts a stand-in that outlives this process. Raises if it does not start."""
    config.load(file)
    background.start("localgke", state, "--config", str(file))


def serve(state: Path, file: Path) -> None:
    """Serves until a signal ends it. Raises if a part of it fails."""
    from localgke.server import serve  # here, because start and stop do not need its imports

    background.claim(state)
    asyncio.run(serve(config.load(file), state))


if __name__ == "__main__":
    main()
