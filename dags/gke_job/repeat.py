"""The command that repeats a run from a shell, for the log."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from .command import command
from .compat import redact

MOST_CHARACTERS = 4096  # of values in the log; Airflow's UI cuts a rendered field there, too
MASK = "***"
OF_THE_TASK = ("mark", "on_kill", "report")  # options that a person does not want: a report would replace the task's


def log_repetition(
    log: Any, cluster: list[str], files: Mapping[str, Any], options: Mapping[str, Any], *, waits: bool
) -> None:
    """Logs, folded, the command that does in a shell what the task does; what a sensitive name holds is masked.

    :param cluster: the options that name the cluster
    :param files: what run-job reads from files, by option: `values`, and a manifest as `template`
    :param options: the other options
    :param waits: whether the task waits for its Job, as the command does
    """
    log.info("::group::The command that repeats this run from a shell, in a checkout of the toolkit")
    text = repetition(cluster, files, options)
    log.info("%s", text)
    if MASK in text:
        log.info("Write what Airflow has masked in place of each %s first.", MASK)
    if not waits:
        log.info("The command waits for its Job, which this task does not.")
    log.info("::endgroup::")


def repetition(cluster: list[str], files: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Returns that command."""
    given = {name: value for name, value in options.items() if name not in OF_THE_TASK}
    before, pipe, notes = "", "", ""
    for option, content in files.items():
        text = _json(content)
        if option == "template":
            given["template"] = "./job.json"
        elif content:
            given["values"] = "values.json" if len(text) > MOST_CHARACTERS else "-"
        if option in given and len(text) > MOST_CHARACTERS:
            field = "manifest" if option == "template" else option
            notes += f"  # put the field {field!r} of the rendered template into {given[option]}"
        elif option == "template":
            before = f"printf %s {shlex.quote(text)} >job.json; "
        elif content:
            pipe = f"printf %s {shlex.quote(text)} | "
    line = shlex.join(["scripts/run-job", *command("run-job", *cluster, **given)[2:]])
    return f"{before}{pipe}{line}{notes}"


def _json(content: Any) -> str:
    """Returns masked content as JSON that opens no group of Airflow's log view; letters of any language stay."""
    text = json.dumps(redact(content), separators=(",", ":"), ensure_ascii=False)
    text = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    return text.replace("::", ":\\u003a").replace("##[", "#\\u0023[")
