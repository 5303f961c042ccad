"""The `Status` objects with which a fault answers, as an API server words them."""

from __future__ import annotations

from faults.rules import Request
from localgke.errors import ApiError, about

RETRY_AFTER_SECONDS = 1


def error(code: int, request: Request, user: str) -> ApiError:
    """Returns the error with an HTTP status code, for a request of `user`."""
    match code:
        case 401:
            return ApiError("Unauthorized", "Unauthorized")
        case 403:
            return _forbidden(request, user)
        case 410:
            return ApiError("Expired", "The resourceVersion for the provided watch is too old.")
        case 429:
            message = "Too many requests, please try again later."
            return ApiError("TooManyRequests", message, retryAfterSeconds=RETRY_AFTER_SECONDS)
        case 500:
            return ApiError("InternalError", "Internal error occurred: etcdserver: leader changed")
        case 503:
            return ApiError("ServiceUnavailable", "the server is currently unable to handle the request")
        case 504:
            message = "Timeout: request did not complete within requested timeout - context deadline exceeded"
            return ApiError("Timeout", message)
    raise ValueError(f"no error has the code {code}")


def _forbidden(request: Request, user: str) -> ApiError:
    resource, _, _ = request.resource.partition("/")
    full = f"{resource}.{request.group}".rstrip(".")
    name = f'"{request.name}" ' if request.name else ""
    where = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    message = (
        f'{full} {name}is forbidden: User "{user}" cannot {request.verb} resource "{request.resource}" '
        f'in API group "{request.group}" {where}'
    )
    return ApiError("Forbidden", message, **about(full, request.name))
