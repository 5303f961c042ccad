"""A client for the REST API of an environment's Airflow: version 1 for Airflow 2.11, version 2 for Airflow 3."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

from gke_jobs import exit_codes
from gke_jobs.deployment.storage_time import date_of
from gke_jobs.deployment.time_limit import TimeIsOverError, time_limit
from gke_jobs.deployment.unanswered import DeniedError, UnansweredError
from gke_jobs.json_access import Json, at, int_at, text_at
from gke_jobs.messages import die
from gke_jobs.plain_text import one_line

# The token is sent only to such an address, and unencrypted only within this machine.
_LABEL = "[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
ADDRESS = re.compile(rf"(https://{_LABEL}(\.{_LABEL})*|http://127\.0\.0\.1)(:[0-9]{{1,5}})?/?")
MOST_PORT = 65535
PAGE = 100  # the default maximum of Airflow
MOST_PAGES = 500
ANSWER_SECONDS = 30.0  # for one complete answer
ANSWER_BYTES = 32 << 20  # limit of a page; the trace of an import error may be long
ERROR_BYTES = 64 << 10
IDS = {"dags": "dag_id", "importErrors": "import_error_id"}
KEYS = {"dags": "dags", "importErrors": "import_errors"}


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of Airflow. time: by Airflow's clock; dags, errors: those that this account may read."""

    dags: list[Json]
    errors: list[Json]
    time: datetime


class Airflow:
    """Airflow, as the account of gcloud sees it."""

    def __init__(self, address: str, image: str, read_token: Callable[[float], str]) -> None:
        """Address: as in Composer; image: version of the environment's image; read_token: takes a limit in seconds."""
        if not ADDRESS.fullmatch(address) or int((urlsplit(address).netloc.partition(":")[2]) or 0) > MOST_PORT:
            die(exit_codes.CONFIG, f"the environment has an invalid web server address '{one_line(address)}'")
        version = "v1" if re.search(r"airflow-2\.", image) else "v2"
        self._base = f"{address.rstrip('/')}/api/{version}"
        self._read_token = read_token
        self._token = ""
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._time = datetime.now(timezone.utc)

    def log_in(self, seconds: float) -> None:
        """Get a token within so many seconds. UnansweredError if that fails."""
        self._token = self._read_token(seconds)

    def read(self, seconds: float) -> Answers:
        """Return the answers of Airflow. UnansweredError if they do not arrive within so many seconds."""
        until = time.monotonic() + seconds
        dags, errors = self._list("dags", until), self._list("importErrors", until)
        return Answers(dags=dags, errors=errors, time=self._time)

    def _list(self, name: str, until: float, *, is_careful: bool = False) -> list[Json]:
        """Return a list, read in pages. Pages overlap by one row: if it differs, the list has changed meanwhile.

        Airflow 3.1 and 3.2 count a row for each DAG of an import error, but return the error once. So offset and total
        count rows, at least as many as entries.

        :param is_careful: whether a page may have fewer rows than requested, as the server's maximum is smaller
        """
        found: dict[str, Json] = {}
        offset = total = 0
        for _ in range(MOST_PAGES):
            answer = self._get(f"{name}?{urlencode({'limit': PAGE, 'offset': offset, 'order_by': IDS[name]})}", until)
            page = at(answer, KEYS[name])
            if not isinstance(page, list):
                raise UnansweredError(f"the response for {name} does not have the format of Airflow")
            ids = [str(at(item, IDS[name]) or offset + number) for number, item in enumerate(page)]
            if found and (ids[0] not in found if ids else total):
                if is_careful:
                    raise UnansweredError(f"the list of {name} has changed between two pages")
                return self._list(name, until, is_careful=True)
            found.update(zip(ids, page, strict=True))
            total = max(int_at(answer, "total_entries"), 0)
            if not ids or (total and offset + len(ids) >= total):
                return list(found.values())
            offset += max((len(ids) if is_careful else PAGE) - 1, 1)
            offset = min(offset, total - 1) if total else offset
        raise UnansweredError(f"there are more than {len(found)} {name}")

    def _get(self, path: str, until: float) -> Json:
        is_old = bool(self._token)
        if not self._token:
            self.log_in(_left(until))
        status, kind, body = self._ask(path, min(ANSWER_SECONDS, _left(until)))
        if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            if is_old:  # it expires after an hour
                self._token = ""
                return self._get(path, until)
            raise DeniedError(f"permission denied: {_describe_response(status, body)}")
        if status != http.client.OK:
            _refuse(status, body)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            if kind == "text/html":
                raise UnansweredError(
                    "it returns an HTML page, such as a login page, instead of JSON", exit_codes.DENIED
                ) from None
            raise UnansweredError("the response is not JSON, or is truncated") from None

    def _ask(self, path: str, seconds: float) -> tuple[int, str, bytes]:
        """Return the status, content type and body of an answer."""
        request = urllib.request.Request(f"{self._base}/{path}", headers={"Accept": "application/json"})  # noqa: S310 # see ADDRESS
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with time_limit(seconds):
                try:
                    response: Any = self._opener.open(request, timeout=seconds)
                except urllib.error.HTTPError as error:
                    response = error
                with response:
                    most = ANSWER_BYTES if response.status == http.client.OK else ERROR_BYTES
                    body: bytes = response.read(most + 1)
        except TimeIsOverError as error:
            raise UnansweredError(str(error)) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise UnansweredError(f"no answer: {one_line(str(error)) or type(error).__name__}") from None
        if len(body) > most:
            raise UnansweredError(f"an answer has more than {most} bytes")
        self._time = date_of(response.headers) or datetime.now(timezone.utc)
        return response.status, response.headers.get_content_type(), body


def _left(until: float) -> float:
    if (seconds := until - time.monotonic()) <= 0:
        raise UnansweredError("no complete answer before the timeout")
    return seconds


def _refuse(status: int, body: bytes) -> NoReturn:
    words = _describe_response(status, body)
    if http.client.MULTIPLE_CHOICES <= status < http.client.BAD_REQUEST:
        raise UnansweredError(f"it redirects to another page, such as a login page: {words}", exit_codes.DENIED)
    if status in (http.client.NOT_FOUND, http.client.METHOD_NOT_ALLOWED):
        raise UnansweredError(f"it has no such REST API: {words}")
    raise UnansweredError(words)


def _describe_response(status: int, body: bytes) -> str:
    """Return the status as text, with the message of an answer in JSON."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    message = one_line(next(filter(None, (text_at(answer, key) for key in ("detail", "error", "title"))), ""))
    return f"HTTP {status}{f' {message}' if message else ''}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: Airflow's API sends none, and others lead to a login page."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect; the caller gets an HTTPError."""
        return
