"""The commands that start the toolkit's scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from . import paths


def command(script: str, *words: str, **options: Any) -> list[str]:
    """Returns the command line of a script. It starts bash, because Cloud Storage keeps no run bits.

    :param words: complete options, which come first
    :param options: by name, `on_change` for `--on-change`. A value is a string, a number, a duration in seconds or a
        timedelta; True for an option without a value. An option that is None, False or "" is left out
    :raises FileNotFoundError: the script does not exist
    """
    argv = ["bash", str(paths.script(script)), *words]
    for name, value in options.items():
        if value is None or value is False or value == "":
            continue
        argv.append(f"--{name.replace('_', '-')}")
        if value is not True:
            argv.append(_text(value))
    return argv


def reap_command(
    cluster: Sequence[str], airflow_environment: str, jobs: Iterable[Mapping[str, str]]
) -> tuple[list[str], bytes]:
    """Returns the command line of reap-jobs, which deletes Jobs unless they are finished, and its standard input.

    :param cluster: the options that name the cluster
    :param airflow_environment: the name of the Airflow environment
    :param jobs: `job` (the name), `namespace` and `uid` of each
    """
    argv = command("reap-jobs", *cluster, jobs="/dev/stdin", airflow_environment=airflow_environment)
    return argv, json.dumps([*jobs]).encode()


def _text(value: Any) -> str:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return f"{value:.0f}" if isinstance(value, float) else str(value)
