"""Adds arguments of gke-gcloud-auth-plugin to the kubeconfig that gcloud has just written.

command.py plugin-arguments FILE ARGUMENT...

gcloud adds them for some endpoints only. kubectl could add them, but Google's kubectl asks the cluster for its version
each time.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.messages import ERROR, log

COMMAND = re.compile(r"^( +)command: \S*gke-gcloud-auth-plugin$")


def with_arguments(kubeconfig: str, arguments: Sequence[str]) -> str:
    """Return the kubeconfig, one user in block style, with these arguments of its plugin; ValueError for any other."""
    lines = kubeconfig.splitlines()
    found = [(number, match[1]) for number, line in enumerate(lines) if (match := COMMAND.match(line))]
    if len(found) != 1:
        raise ValueError("it has no user whose command is gke-gcloud-auth-plugin")
    number, indent = found[0]
    new = [f"{indent}args:", *(f"{indent}- {json.dumps(argument)}" for argument in arguments)]
    return "".join(f"{line}\n" for line in [*_without_arguments(lines[:number], indent), *new, *lines[number:]])


def _without_arguments(lines: list[str], indent: str) -> list[str]:
    """Remove earlier arguments. The keys are in alphabetical order, so the arguments precede the command."""
    if f"{indent}args:" not in lines:
        return lines
    start = lines.index(f"{indent}args:")
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(f"{indent}- ")), len(lines))
    return lines[:start] + lines[end:]


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("file", type=Path)
    parser.add_argument("arguments", nargs="+")
    options = parser.parse_args()
    try:
        options.file.write_text(with_arguments(options.file.read_text(), options.arguments))
    except ValueError as error:
        log(f"cannot use the kubeconfig that gcloud wrote: {error}: update gcloud", ERROR)
        return exit_codes.CONFIG
    return 0
