"""Selects the log lines of tasks from the output of `airflow dags test`, without Airflow's own lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from demo.toolkit_lines import FOLD, SUMMARY, TASK, UNFOLD

LINE = re.compile(r"^\d{4}-\d\d-\d\d\S* <([^>]*)> (.*)$")  # the format toolkit_lines.LOG_FORMAT
TWICE = re.compile(r"^\[[^\]]+\] \{[\w.]+:\d+\} [A-Z]+ - ")  # the second format of Airflow 2.11
END = "[DAG TEST] end task"
FAILURE = "Task failed with exception"
MAP_INDEX = re.compile(r"map_index=(\d+)")
OF_AIRFLOW = re.compile(r"(airflow(?!\.task)\b|task$|alembic\b)")  # loggers
VARIABLES = "Exporting env vars: "  # of Airflow 2.11
TRACEBACK = "Traceback (most recent call last):"
FRAME, CODE = '  File "', "    "  # of a traceback
PACKAGES = re.compile(r"/lib/python3[.\d]*/")


class TaskLogs:
    """Processes the output line by line. has_begun: whether a task has started."""

    def __init__(self) -> None:
        self.has_begun = False
        self._is_in_task = self._is_in_fold = self._is_foreign_frame = False
        self._follows_own = self._skips_rest = False

    def lines(self, line: str) -> Iterator[str]:
        """Yield the lines to show for a line; of a traceback, only the frames of the user's own files."""
        match = LINE.match(line)
        if not match:
            self._skips_rest = self._skips_rest or bool(TWICE.match(line)) or (self._follows_own and line == TRACEBACK)
            self._follows_own = False
            if self._is_in_task and not self._skips_rest and not self._is_of_package(line):
                yield line
            return
        self._follows_own, self._skips_rest = match[1] != "task" and bool(OF_AIRFLOW.match(match[1])), False
        logger, text = match[1], match[2].replace("\u00a0", " ")  # the operator writes these for Airflow's UI
        if found := TASK.search(text):
            self.has_begun = self._is_in_task = True
            index = MAP_INDEX.search(text)
            yield f"\ntask {found[1]}{f'[{index[1]}]' if index else ''}:"
        elif text.startswith(END):
            self._is_in_task = False
        elif text.startswith((FOLD, UNFOLD)):
            self._is_in_fold = text.startswith(FOLD) and not OF_AIRFLOW.match(logger)
        elif self._is_in_task and not self._is_in_fold and self._is_of_task(logger, text):
            yield text

    def _is_of_task(self, logger: str, text: str) -> bool:
        return not text.startswith((SUMMARY, VARIABLES)) and (not OF_AIRFLOW.match(logger) or text.startswith(FAILURE))

    def _is_of_package(self, line: str) -> bool:
        """Return whether a line is of a traceback frame in a package: its file or its code."""
        if line.startswith(FRAME):
            self._is_foreign_frame = bool(PACKAGES.search(line))
        elif not line.startswith(CODE):
            self._is_foreign_frame = False
        return self._is_foreign_frame
