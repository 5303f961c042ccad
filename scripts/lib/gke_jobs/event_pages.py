"""Reads the Events of one object, with limits: anybody who can create Events determines their number and size."""

from __future__ import annotations

import time

from gke_jobs.connection import Connection, events_path
from gke_jobs.errors import ApiError
from gke_jobs.json_access import Json, list_at, text_at

PAGE, MOST = 50, 500  # Events; one has about 1 KiB
PAGE_BYTES = 2 << 20


def read_events(connection: Connection, namespace: str, selector: str, seconds: float) -> tuple[list[Json], bool]:
    """Return Events in the order of their names, and whether there are more. ApiError if they cannot be read.

    selector: field selector; seconds: limit of one page, and after which no further page is requested
    """
    query = {"fieldSelector": selector, "limit": str(PAGE)}
    deadline, found = time.monotonic() + seconds / 2, list[Json]()
    while True:
        try:
            answer = connection.get_json(events_path(namespace), query, seconds, PAGE_BYTES)
        except ApiError:
            if found:
                return found, True
            raise
        found += list_at(answer, "items")
        query["continue"] = text_at(answer, "metadata", "continue")
        if not query["continue"]:
            return found, False
        if len(found) >= MOST or time.monotonic() > deadline:
            return found, True
