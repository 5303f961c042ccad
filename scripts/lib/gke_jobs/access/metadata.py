"""Reads the service account of this machine from the metadata server of Google Cloud."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path

from gke_jobs.gcloud_error_rules import METADATA_ADVICE
from gke_jobs.plain_text import one_line

ADDRESS = "169.254.169.254"
EMAIL = "/computeMetadata/v1/instance/service-accounts/default/email"
PRODUCT = Path("/sys/class/dmi/id/product_name")
KNOWN_SECONDS = 5.0  # for the whole answer, if there is a metadata server
UNKNOWN_SECONDS = 0.3  # elsewhere, for example on a notebook whose network drops the packets
ANSWER_BYTES = 64 << 10


class NoAnswerError(Exception):
    """The metadata server of this machine does not answer. A caller that does not need its account can continue."""

    fix = METADATA_ADVICE


def email(environ: Mapping[str, str]) -> str:
    """Return the email of the service account of this machine; empty if there is no metadata server or no account.

    NoAnswerError if a server does not answer that the environment names or that a machine of Google Cloud has.
    """
    named = environ.get("GCE_METADATA_HOST", "")
    is_known = bool(named) or _is_google()
    seconds = KNOWN_SECONDS if is_known else UNKNOWN_SECONDS
    host, _, port = (named or ADDRESS).partition(":")
    request = f"GET {EMAIL} HTTP/1.0\r\nHost: {named or ADDRESS}\r\nMetadata-Flavor: Google\r\n\r\n"
    try:
        answer = _ask(host, int(port or 80), request.encode(), time.monotonic() + seconds)
    except (OSError, ValueError) as error:
        if not is_known:
            return ""
        how = f"within {seconds:g} s" if isinstance(error, TimeoutError) else f"({error})"
        raise NoAnswerError(one_line(f"the metadata server {named or ADDRESS} did not answer {how}")) from None
    head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
    status, _, headers = head.partition("\r\n")
    code = next(iter(status.split(" ")[1:2]), "")
    is_google = "metadata-flavor: google" in headers.lower()
    if is_known and (not code or code.startswith("5")):
        raise NoAnswerError(one_line(f"the metadata server {named or ADDRESS} answered {status or 'nothing'}"))
    return one_line(body) if code == "200" and is_google else ""


def _ask(host: str, port: int, request: bytes, deadline: float) -> bytes:
    """Return the answer; OSError if it is not complete at the deadline."""
    answer = b""
    with socket.create_connection((host, port), _left(deadline)) as connection:
        connection.sendall(request)
        while len(answer) < ANSWER_BYTES:
            connection.settimeout(_left(deadline))
            piece = connection.recv(ANSWER_BYTES)
            if not piece:
                break
            answer += piece
    return answer


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _is_google() -> bool:
    try:
        return PRODUCT.read_text().startswith("Google")
    except OSError:
        return False
