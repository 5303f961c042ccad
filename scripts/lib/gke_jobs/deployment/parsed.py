"""Decides from answers of Airflow's REST API which DAGs it has parsed with a release."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gke_jobs.deployment.deployed import Deployed
from gke_jobs.deployment.plan import SYNC_SECONDS
from gke_jobs.json_access import Json, at, text_at
from gke_jobs.plain_text import one_line, parse_time

# Airflow records the time at which it finishes a file, and by default it stops after 50 s (dag_file_processor_timeout).
# A file that is finished within that time after a release is taken may have imported the previous one.
PARSE_SECONDS = 60
TOOLKIT = "gke_job"
DAGS_FOLDER = "dags-folder"  # the default bundle of Airflow 3
SHOWN = 3  # files


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of Airflow.

    total: active DAGs, without those of files that cannot be imported; parsed: how many of these with the release
    missing: the files of the others, and files with an older error that counts (see _is_relevant)
    broken: files with an error since then that counts, with the last line of the error
    others: number of files with an error that does not count
    Texts are sanitized.
    """

    total: int
    parsed: int
    missing: list[str]
    broken: dict[str, str]
    others: int = 0


def parsed_after(deployed: Deployed, written: float) -> float:
    """Return the time after which a parsed DAG has the newest release, in seconds since the epoch.

    :param deployed: the content of the pointer
    :param written: when the pointer was written. It is written last: when it has arrived, so have all files of the
    release
    """
    return max(deployed.releases[deployed.current], written + SYNC_SECONDS) + PARSE_SECONDS


def error_keys(errors: list[Json]) -> frozenset[tuple[str, str, str]]:
    """Return what identifies each import error, independent of its time."""
    return frozenset(map(_text, errors))


def evaluate(
    dags: list[Json],
    errors: list[Json],
    after: datetime,
    before: frozenset[tuple[str, str, str]] | None = None,
    prefix: str = "",
) -> Progress:
    """Return the progress of Airflow.

    :param dags: from /dags of the REST API of Airflow 2.11 or 3
    :param errors: from /importErrors of the same API
    :param before: error_keys of the errors before the release was taken, None if they are not known
    :param prefix: the folder of the team below dags/, '' for none
    """
    unreadable = set(map(_file, errors))
    active = [
        dag
        for dag in dags
        if at(dag, "is_active") is not False and at(dag, "is_stale") is not True and not _files(dag) & unreadable
    ]
    late = [dag for dag in active if not _is_later(dag, "last_parsed_time", after)]
    ours = [error for error in errors if _is_relevant(error, before, prefix)]
    old = [error for error in ours if not _is_later(error, "timestamp", after)]
    return Progress(
        total=len(active),
        parsed=len(active) - len(late),
        missing=sorted({*map(_shown_file, late), *map(_file_of_error, old)}),
        broken={_file_of_error(error): _last_line(error) for error in ours if error not in old},
        others=len(unreadable - set(map(_file, ours))),
    )


def _is_relevant(error: Json, before: frozenset[tuple[str, str, str]] | None, prefix: str) -> bool:
    """Whether the release may have caused an error.

    That is so if the error names the toolkit of the team. It is also so if the error is new and nothing shows that it
    belongs to another team, because Airflow truncates traces.
    """
    file = text_at(error, "filename")
    text = f"{file}\n{text_at(error, 'stack_trace')}"
    package = re.escape(prefix) + "[./]" if prefix else ""
    if re.search(rf"(?:(?<![\w./])|/gcs/dags/){package}{TOOLKIT}(?:_releases|_examples)?(?!\w)", text):
        return True
    if before is None or _text(error) in before or TOOLKIT in text:
        return False
    return not prefix or _below_dags(file).startswith(f"{prefix}/")


def _text(error: Json) -> tuple[str, str, str]:
    # Addresses and times differ each time the error occurs.
    line = re.sub(r"0x[0-9a-f]+|[0-9]+", "#", _last_line(error))
    return text_at(error, "bundle_name"), text_at(error, "filename"), line


def describe(progress: Progress) -> str:
    """Return the progress as text."""
    words = f"{progress.parsed} of {progress.total} DAGs are parsed"
    return f"{words}; not yet: {shown(progress.missing)}" if progress.missing else words


def shown(files: list[str]) -> str:
    """Return the first of these files and the number of the others, as text."""
    more = len(files) - SHOWN
    return ", ".join(files[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _file(error: Json) -> tuple[str, str]:
    """Return the key of the file of an import error: with the bundle on Airflow 3."""
    return text_at(error, "bundle_name"), text_at(error, "filename")


def _files(dag: Json) -> set[tuple[str, str]]:
    """Return the keys that the file of a DAG can have in an import error.

    Airflow 2.11 reports the path, Airflow 3 the path below the DAGs folder.
    """
    names = {text_at(dag, "fileloc"), text_at(dag, "relative_fileloc")} - {""}
    return {(text_at(dag, "bundle_name"), name) for name in names}


def _shown_file(dag: Json) -> str:
    name = text_at(dag, "relative_fileloc") or _below_dags(text_at(dag, "fileloc")) or text_at(dag, "dag_id")
    return _in_bundle(dag, name) or "a DAG without a name"


def _file_of_error(error: Json) -> str:
    return _in_bundle(error, _below_dags(text_at(error, "filename"))) or "a file without a name"


def _in_bundle(obj: Json, name: str) -> str:
    bundle = text_at(obj, "bundle_name")
    return one_line(name if bundle in ("", DAGS_FOLDER) else f"{name} of bundle {bundle}")


def _below_dags(path: str) -> str:
    return posixpath.normpath(path).rpartition("/gcs/dags/")[2] if path else ""


def _last_line(error: Json) -> str:
    lines: Iterable[str] = reversed(text_at(error, "stack_trace").strip().splitlines())
    return one_line(next(iter(lines), "")) or "no reason is known"


def _is_later(obj: Json, key: str, after: datetime) -> bool:
    time = parse_time(at(obj, key))
    return time is not None and time > after
