"""What a script leaves for the operator, and the exception that it makes of it.

scripts/lib/gke_jobs/report.py says which files these are. Their texts come from the cluster, sanitized; here they
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

# Usage, bad values, manifest or result, no such template, permission denied, will never start: the table of exit codes
# in scripts/README.md.
NO_RETRY_HELPS = (64, 65, 66, 77, 78)
MESSAGE_CHARACTERS = 1000
SPEAKER = re.compile(r"\A[a-z-]+: ")  # `run-job: `, `advice: `
FEWEST_CHARACTERS = 200  # of the reason, the cause and the advice, whatever else there is


class Report:
    """A private directory of one run of a script: what is given to it, and what it leaves."""

    def __init__(self) -> None:
        # Mode 0700. The name lets a later run remove it when this process was killed: private_dir.bash.
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
        """Returns the JSON object of a file; an empty one where there is none."""
        try:
            found = json.loads((self.path / f"{name}.json").read_text(errors="replace"))
        except (OSError, ValueError):  # the disk was full
            return {}
        return found if isinstance(found, dict) else {}

    def job(self) -> tuple[str, str, str] | None:
        """Returns name, namespace and uid of the Job, "" for a uid that is not known; None where there is none."""
        words = [*self._text("job").split(), ""]
        return (words[0], words[1], words[2]) if len(words) >= 3 else None

    def write_job(self, job: str, namespace: str) -> None:
        """Writes down which Job a script is run for, as run-job does by itself."""
        (self.path / "job").write_text(f"{job} {namespace}")

    def exit_codes(self) -> list[int]:
        """Returns the exit codes of the Pods that failed: see `skip_on_exit_code` of the operator."""
        codes = self.read_json("failure").get("exit_codes")
        return [code for code in codes if isinstance(code, int)] if isinstance(codes, list) else []

    def error(self, status: int, cluster: str, skipped: Collection[int]) -> AirflowException:
        """Returns the exception for a script that has ended with this exit code.

        :param cluster: where the Job is, for people
        :param skipped: exit codes of containers for which the task is skipped
        """
        codes = self.exit_codes()
        if status == 1 and codes and all(code in skipped for code in codes):
            return AirflowSkipException(f"skipped: the container exited with {', '.join(map(str, sorted(set(codes))))}")
        kind = AirflowFailException if status in NO_RETRY_HELPS else AirflowException
        return kind(self._message(status, cluster))

    def is_said(self, line: str, error: AirflowException) -> bool:
        """Returns whether the text of the exception has what this line of the script says."""
        return one_line(SPEAKER.sub("", line)) in str(error)

    def _message(self, status: int, cluster: str) -> str:
        end = f" (exit code {status}{'; no retry helps' if status in NO_RETRY_HELPS else ''})"
        job, logs, failure = self.job(), self._text("logs"), self.read_json("failure")
        rest = [f"Job: {job[0]} in namespace {job[1]}"] if job else []
        rest += [f"cluster: {cluster}"] if cluster else []
        rest += [f"logs: {logs}"] if logs else []
        found = {name: text for name in ("cause", "advice") if isinstance(text := failure.get(name), str) and text}
        fixed = "\n".join([end, *(f"{name}: " for name in found), *rest])
        room = max((1 + len(found)) * FEWEST_CHARACTERS, MESSAGE_CHARACTERS - len(fixed))
        texts = {name: _cut(one_line(text), room // (1 + len(found))) for name, text in found.items()}
        said, room = [f"{name}: {text}" for name, text in texts.items()], room - sum(map(len, texts.values()))
        reason = _cut(self._text("reason") or "the script has not said why: see the log", room)
        return str(redact("\n".join([reason + end, *said, *rest])))

    def _text(self, name: str) -> str:
        try:
            return one_line((self.path / name).read_text(errors="replace"))
        except OSError:
            return ""


def one_line(text: str) -> str:
    """Returns text as one line that opens no group of Airflow's log view."""
    line = "".join(char if char.isprintable() else " " for char in text.strip())
    return line.replace("::", ": :").replace("##", "# #")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
