"""That Airflow, or gcloud, has not answered."""

from __future__ import annotations

from gke_jobs import exit_codes


class UnansweredError(Exception):
    """There is no answer, or an odd one, but may be a good one later; the message is sanitized.

    status: the exit code where it stays so
    """

    def __init__(self, message: str, status: int = exit_codes.UNREACHABLE) -> None:
        super().__init__(message)
        self.status = status


class DeniedError(UnansweredError):
    """The account may not ask. Where it never could, it will not be able to later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_codes.DENIED)
