"""The only error that rendering raises: lines for users, and an exit code."""

from __future__ import annotations

from gke_jobs.plain_text import one_line

USAGE = 64
BAD_INPUT = 65
NO_TEMPLATE = 66
NOT_CONFIGURED = 78


class RenderError(Exception):
    """One or more errors, a line each, such as `job.yaml.j2 line 4: values.image is undefined; give a value`.

    status: from the table of exit codes; what: each error; where: the file, with its line if known; fix: what to do
    """

    def __init__(self, status: int, *what: str, fix: str, where: object = "") -> None:
        place = f"{where}: " if where else ""
        self.lines = [one_line(f"{place}{each}; {fix}") for each in what]  # keys and values in them are foreign text
        super().__init__(" | ".join(self.lines))
        self.status = status
