"""The errors for a missing answer of Airflow or gcloud."""

from __future__ import annotations

from gke_jobs import exit_codes


class UnansweredError(Exception):
    """There was no answer or no usable one. A later request may succeed. The message is sanitized.

    status: the exit code if no request succeeds
    """

    def __init__(self, message: str, status: int = exit_codes.UNREACHABLE) -> None:
        super().__init__(message)
        self.status = status


class DeniedError(UnansweredError):
    """The account has no permission. If it never had, no later request will succeed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_codes.DENIED)
