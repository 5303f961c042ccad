"""Imitates the errors of the Kubernetes API: every one is a `Status` object with code, reason and message."""

from __future__ import annotations

from typing import Any

CODES = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Expired": 410,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
    "InternalError": 500,
    "NotImplemented": 501,
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
        """The `Status` object that the API server answers with."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


def not_found(resource: str, name: str) -> ApiError:
    """The error for an object that does not exist, e.g. `jobs.batch "x" not found`."""
    return ApiError("NotFound", f'{resource} "{name}" not found', name=name, kind=resource)


def not_imitated(what: str) -> ApiError:
    """The refusal of what a real cluster has and this stand-in has not; never accept and ignore."""
    return ApiError("NotImplemented", f"localgke does not imitate {what}; a real cluster would take it")
