"""Parses the options of a command about one Job, and reads the Job."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from gke_jobs import exit_codes
from gke_jobs.connection import Connection, jobs_path
from gke_jobs.json_access import Json, text_at
from gke_jobs.messages import die, not_found
from gke_jobs.options import take_connection
from gke_jobs.plain_text import is_name, printable
from gke_jobs.reads import UNREACHABLE_SECONDS, Reader


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """The Job and the connection; `others` has the options that the command added."""

    connection: Connection
    namespace: str
    job: str
    uid: str  # '' for any Job with the name
    reader: Reader
    others: Any


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        die(exit_codes.USAGE, message)


def parse_job_options(
    argv: Sequence[str], add: Callable[[argparse.ArgumentParser], None] = lambda parser: None
) -> JobOptions:
    """Return the options after the name of the command. ScriptError for an invalid option."""
    connection, words = take_connection(argv)
    parser = _Parser(allow_abbrev=False, add_help=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--job", required=True)
    parser.add_argument("--uid", default="")
    parser.add_argument("--unreachable-timeout", type=float, default=UNREACHABLE_SECONDS)
    add(parser)
    found = parser.parse_args(words)
    for option in ("namespace", "job"):
        if not is_name(getattr(found, option)):
            die(
                exit_codes.USAGE,
                f"--{option} is {printable(getattr(found, option))!r}: not a valid name of a Kubernetes object",
            )
    return JobOptions(
        connection=connection,
        namespace=found.namespace,
        job=found.job,
        uid=found.uid,
        reader=Reader(connection=connection, unreachable_seconds=found.unreachable_timeout),
        others=found,
    )


def find_job(options: JobOptions, purpose: str) -> Json:
    """Return the Job. ScriptError if it does not exist, or another Job has its name."""
    job = options.reader.get(purpose, jobs_path(options.namespace, options.job))
    if job is None:
        die(exit_codes.CONFIG, not_found(options.job, options.namespace))
    found = text_at(job, "metadata", "uid")
    if options.uid and found != options.uid:
        die(
            exit_codes.CONFIG,
            f"Job {options.job} has uid {printable(found)}, not {printable(options.uid)}: the Job was deleted and "
            "another Job has its name",
        )
    return job
