"""Imitates the errors of the Kubernetes API: every one is a `Status` object with code, reason and message."""

from __future__ import annotations

from typing import Any

CODES = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Expired": 410,
    "RequestEntityTooLarge": 413,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "NotImplemented": 501,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}


class ApiError(Exception):
    """A failed request; `reason` is one of CODES, `details` as in the API's StatusDetails."""

    def __init__(self, reason: str, message: str, **details: Any):
        super().__init__(message)
        self.reason = reason
        self.code = CODES[reason]
        self.message = message
        self.details = details

    def status(self) -> dict[str, Any]:
        """Returns the `Status` object that the API server answers with."""
        details = {"details": self.details} if self.details else {}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **details,
            "code": self.code,
        }


def about(resource: str, name: str) -> dict[str, str]:
    """Returns the StatusDetails of an object; `resource` is the full name, e.g. `jobs.batch`."""
    kind, _, group = resource.partition(".")
    return {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}


def not_found(resource: str, name: str) -> ApiError:
    """Returns the error for an object that does not exist, e.g. `jobs.batch "x" not found`."""
    return ApiError("NotFound", f'{resource} "{name}" not found', **about(resource, name))


def already_exists(resource: str, name: str) -> ApiError:
    """Returns the error for a create with an existing name."""
    return ApiError("AlreadyExists", f'{resource} "{name}" already exists', **about(resource, name))


def conflict(resource: str, name: str, why: str) -> ApiError:
    """Returns the error for a write to another version, or another object, than the stored one."""
    return ApiError("Conflict", f'Operation cannot be fulfilled on {resource} "{name}": {why}', **about(resource, name))


def not_imitated(what: str) -> ApiError:
    """Returns the error for a feature of a real cluster that the stand-in lacks. Never accept and ignore a feature."""
    return ApiError("NotImplemented", f"localgke does not imitate {what}; a real cluster would take it")
