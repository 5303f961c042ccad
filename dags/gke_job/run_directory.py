"""The directory in which a script leaves files for the operator, and the exception that the operator makes from them.

scripts/lib/gke_jobs/caller.py documents these files. Their texts come from the cluster and are sanitized; here they
become lines of a message that is short enough for an alert.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .compat_trigger import AirflowException, AirflowFailException, AirflowSkipException, redact

# Usage; bad values, manifest or result; template not found; permission denied; misconfigured, or the Job cannot start:
# see the exit codes in scripts/README.md.
NOT_RETRIED = (64, 65, 66, 77, 78)
MESSAGE_CHARACTERS = 1000
MESSAGE_PREFIX = re.compile(r"\A[a-z-]+: ")  # `run-job: `, `advice: `
MIN_CHARACTERS = 200  # of the reason, the cause and the advice, however long the other lines are


class RunDirectory:
    """A private directory of one run of a script: the files that the script reads, and those that it writes."""

    def __init__(self) -> None:
        # Mode 0700. By its name a later run finds and removes it if this process was killed: see private_dir.bash.
        self._directory = tempfile.TemporaryDirectory(prefix=f"gke-job.{os.getpid()}-")
        self.path = Path(self._directory.name)

    def remove(self) -> None:
        """Removes the directory."""
        self._directory.cleanup()

    def write_json(self, name: str, content: Any) -> Path:
        """Writes content as JSON to a file of mode 0600."""
        file = self.path / f"{name}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(content))
        return file

    def read_json(self, name: str) -> dict[str, Any]:
        """Returns the JSON object of a file; {} if the file is missing or has no JSON object."""
        try:
            found = json.loads((self.path / f"{name}.json").read_text(errors="replace"))
        except (OSError, ValueError):  # the disk was full
            return {}
        return found if isinstance(found, dict) else {}

    def job(self) -> tuple[str, str, str] | None:
        """Returns name, namespace and uid of the Job, "" for an unknown uid; None if the script has reported no Job."""
        words = [*self._text("job").split(), ""]
        return (words[0], words[1], words[2]) if len(words) >= 3 else None

    def write_job(self, job: str, namespace: str) -> None:
        """Writes which Job a script runs for, in the form in which run-job writes it."""
        (self.path / "job").write_text(f"{job} {namespace}")

    def exit_codes(self) -> list[int]:
        """Returns the exit codes of the failed Pods that `skip_on_exit_code` of the operator applies to."""
        codes = self.read_json("failure").get("exit_codes")
        return [code for code in codes if isinstance(code, int)] if isinstance(codes, list) else []

    def error(self, status: int, cluster: str, skipped: Collection[int]) -> AirflowException:
        """Returns the exception for the exit code of a script.

        :param status: the exit code
        :param cluster: the cluster, as the message shows it
        :param skipped: exit codes of containers for which the task is skipped
        """
        codes = self.exit_codes()
        if status == 1 and codes and all(code in skipped for code in codes):
            return AirflowSkipException(f"skipped: the container exited with {', '.join(map(str, sorted(set(codes))))}")
        kind = AirflowFailException if status in NOT_RETRIED else AirflowException
        return kind(self._message(status, cluster))

    def _message(self, status: int, cluster: str) -> str:
        end = f" (exit code {status}{'; not retried' if status in NOT_RETRIED else ''})"
        job, logs, failure = self.job(), self._text("logs"), self.read_json("failure")
        rest = [f"Job: {job[0]} in namespace {job[1]}"] if job else []
        rest += [f"cluster: {cluster}"] if cluster else []
        rest += [f"logs: {logs}"] if logs else []
        found = {name: text for name in ("cause", "advice") if isinstance(text := failure.get(name), str) and text}
        fixed = "\n".join([end, *(f"{name}: " for name in found), *rest])
        room = max((1 + len(found)) * MIN_CHARACTERS, MESSAGE_CHARACTERS - len(fixed))
        texts = {name: _cut(one_line(text), room // (1 + len(found))) for name, text in found.items()}
        lines, room = [f"{name}: {text}" for name, text in texts.items()], room - sum(map(len, texts.values()))
        reason = _cut(self._text("reason") or "the script reported no reason: see the log", room)
        return str(redact("\n".join([reason + end, *lines, *rest])))

    def _text(self, name: str) -> str:
        try:
            return one_line((self.path / name).read_text(errors="replace"))
        except OSError:
            return ""


def error_contains(error: AirflowException, line: str) -> bool:
    """Returns whether the text of the exception contains this message of the script."""
    return one_line(MESSAGE_PREFIX.sub("", line)) in str(error)


def one_line(text: str) -> str:
    """Returns text as one line without the marks of Airflow's log groups."""
    line = "".join(char if char.isprintable() else " " for char in text.strip())
    return line.replace("::", ": :").replace("##", "# #")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
