"""Logs the command that repeats a run from a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from .command import command
from .compat import redact

MAX_CHARACTERS = 4096  # of values in the log; Airflow's UI also cuts a rendered field at this length
MASK = "***"
TASK_OPTIONS = ("mark", "on_kill", "report")  # left out: a report, for example, would replace that of the task


def log_repeat_command(
    log: Any, cluster: list[str], files: Mapping[str, Any], options: Mapping[str, Any], *, waits: bool
) -> None:
    """Logs, as a folded group, the command that does in a shell what the task does. Sensitive values are masked.

    :param cluster: the options that name the cluster
    :param files: the contents of the files that run-job reads, by option: `values`, and a manifest as `template`
    :param options: the other options
    :param waits: whether the task waits for its Job, as the command does
    """
    log.info("::group::Command to repeat this run from a shell, in a checkout of the toolkit")
    text = repeat_command(cluster, files, options)
    log.info("%s", text)
    if MASK in text:
        log.info("First replace each %s with the text that Airflow masked.", MASK)
    if not waits:
        log.info("The command waits for its Job; this task does not.")
    log.info("::endgroup::")


def repeat_command(cluster: list[str], files: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Returns the command that repeats a run, for the arguments of log_repeat_command."""
    given = {name: value for name, value in options.items() if name not in TASK_OPTIONS}
    before, pipe, notes = "", "", ""
    for option, content in files.items():
        text = _json(content)
        if option == "template":
            given["template"] = "./job.json"
        elif content:
            given["values"] = "values.json" if len(text) > MAX_CHARACTERS else "-"
        if option in given and len(text) > MAX_CHARACTERS:
            field = "manifest" if option == "template" else option
            notes += f"  # put the field {field!r} of the rendered template into {given[option]}"
        elif option == "template":
            before = f"printf %s {shlex.quote(text)} >job.json; "
        elif content:
            pipe = f"printf %s {shlex.quote(text)} | "
    line = shlex.join(["scripts/run-job", *command("run-job", *cluster, **given)[2:]])
    return f"{before}{pipe}{line}{notes}"


def _json(content: Any) -> str:
    """Returns masked content as JSON without the marks of Airflow's log groups; letters of any language are kept."""
    text = json.dumps(redact(content), separators=(",", ":"), ensure_ascii=False)
    text = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    return text.replace("::", ":\\u003a").replace("##[", "#\\u0023[")
