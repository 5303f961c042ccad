"""Returns the time of Cloud Storage, which deployments use because the clock of this machine may be wrong."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from email.message import Message
from email.utils import parsedate_to_datetime

from gke_jobs.deployment.time_limit import TimeIsOverError, time_limit
from gke_jobs.messages import WARNING, log
from gke_jobs.plain_text import one_line

SERVER = "https://storage.googleapis.com/"
OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"  # an environment variable of gcloud
SECONDS = 10
YEARS = range(2000, 2200)  # datetime cannot calculate with others


def storage_time() -> float:
    """Return the time of Cloud Storage, in seconds since the epoch; the time of this machine if there is no answer."""
    try:
        with time_limit(SECONDS):
            headers = _headers(os.environ.get(OVERRIDE) or SERVER)
    except (OSError, ValueError, OverflowError, http.client.HTTPException, TimeIsOverError) as error:
        log(f"cannot read the time of Cloud Storage, using the clock of this machine: {one_line(str(error))}", WARNING)
        return time.time()
    found = date_of(headers)
    return found.timestamp() if found else time.time()


def date_of(headers: Message) -> datetime | None:
    """Return the time of an answer of a server, None if its header Date is invalid."""
    try:
        found = parsedate_to_datetime(headers["Date"] or "")
    except (TypeError, ValueError, OverflowError):
        return None
    if found.year not in YEARS:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _headers(address: str) -> Message:
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 # the user chose the address
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            headers: Message = response.headers
    except urllib.error.HTTPError as error:  # an error is also an answer
        with error:
            headers = error.headers
    return headers
