"""Errors in the format of Google's APIs."""

from __future__ import annotations

from aiohttp import web


def error(code: int, status: str, message: str) -> web.Response:
    """Returns an error answer; `status` is a name of google.rpc.Code."""
    return web.json_response({"error": {"code": code, "message": message, "status": status}}, status=code)


def unauthenticated() -> web.Response:
    """Returns the answer to an invalid or expired token."""
    return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")


def denied(permission: str, resource: str) -> web.Response:
    """Returns the answer to a caller who lacks a permission."""
    message = f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    return error(403, "PERMISSION_DENIED", message)


async def refuse(request: web.Request) -> web.Response:
    """Returns the answer to a request that is not imitated."""
    # Not 501: gcloud retries a request for half a minute after an answer of 500 or above.
    return error(400, "FAILED_PRECONDITION", f"localgke does not imitate {request.method} {request.path}")
