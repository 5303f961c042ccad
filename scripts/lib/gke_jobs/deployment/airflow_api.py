"""The REST API of an environment's Airflow: version 1 of Airflow 2.11, or 2 of Airflow 3."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from gke_jobs import exit_codes
from gke_jobs.error_texts import from_gcloud
from gke_jobs.errors import Verdict, classify, sentence
from gke_jobs.json_access import Json, int_at, text_at
from gke_jobs.messages import ScriptError, die
from gke_jobs.plain_text import one_line

# The token is sent to no other address, and unencrypted only within this machine.
ADDRESS = re.compile(r"(https://[A-Za-z0-9.-]+(:\d+)?|http://127\.0\.0\.1:\d+)/?")
TOKEN = re.compile(r"[\x21-\x7e]+")
PAGE = 100  # what Airflow gives at most by default
MOST_PAGES = 500
ANSWER_SECONDS = 30
ANSWER_BYTES = 32 << 20  # of a page; the trace of an import error may be long
PIECE_BYTES = 64 << 10
ORDERS = {"dags": "dag_id", "importErrors": "import_error_id"}
KEYS = {"dags": "dags", "importErrors": "import_errors"}


class UnansweredError(Exception):
    """There is no answer, but may be one later; the message is sanitized."""


class Airflow:
    """Airflow, as the account of gcloud may see it.

    Each method raises UnansweredError, or ScriptError where trying again does not help.
    """

    def __init__(self, address: str, image: str, read_token: Callable[[], str]) -> None:
        """Address: as Composer has it; image: the version of the environment's image."""
        if not ADDRESS.fullmatch(address):
            die(exit_codes.UNREACHABLE, f"the environment has no address of a web server, but '{one_line(address)}'")
        version = "v1" if re.search(r"airflow-2\.", image) else "v2"
        self._base = f"{address.rstrip('/')}/api/{version}"
        self._read_token = read_token
        self._token = ""
        self._opener = urllib.request.build_opener(_NoRedirects)

    def dags(self) -> list[Json]:
        """Return the DAGs that this account may read."""
        return self._list("dags")

    def import_errors(self) -> list[Json]:
        """Return the import errors, likewise."""
        return self._list("importErrors")

    def _list(self, name: str) -> list[Json]:
        found: list[Json] = []
        for _ in range(MOST_PAGES):
            answer = self._get(f"{name}?{urlencode({'limit': PAGE, 'offset': len(found), 'order_by': ORDERS[name]})}")
            page = answer.get(KEYS[name]) if isinstance(answer, dict) else None
            if not isinstance(page, list):
                die(exit_codes.UNREACHABLE, f"the answer to {name} is not as Airflow has it")
            found += page
            if not page or len(found) >= int_at(answer, "total_entries"):
                return found
        raise ScriptError(exit_codes.UNREACHABLE, f"there are more than {len(found)} {name}")

    def _get(self, path: str) -> Json:
        had_token = bool(self._token)
        self._token = self._token or self._read_token()
        try:
            return self._get_once(path)
        except urllib.error.HTTPError as error:
            with error:
                code, words = error.code, _words(error)
        except (OSError, http.client.HTTPException) as error:
            raise UnansweredError(f"no answer: {one_line(str(error)) or type(error).__name__}") from None
        if code in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            if had_token:  # it is over after an hour
                self._token = ""
                return self._get(path)
            die(exit_codes.DENIED, f"permission denied: {words}")
        if code < http.client.BAD_REQUEST:
            die(exit_codes.DENIED, f"it leads to another page, such as one to log in: {words}")
        if code == http.client.TOO_MANY_REQUESTS or code >= http.client.INTERNAL_SERVER_ERROR:
            raise UnansweredError(words)
        raise ScriptError(exit_codes.UNREACHABLE, f"it has no such REST API: {words}")

    def _get_once(self, path: str) -> Json:
        request = urllib.request.Request(f"{self._base}/{path}", headers={"Accept": "application/json"})  # noqa: S310 # see ADDRESS
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        until = time.monotonic() + ANSWER_SECONDS
        body = bytearray()
        with self._opener.open(request, timeout=ANSWER_SECONDS) as response:
            while piece := response.read1(PIECE_BYTES):
                body += piece
                if len(body) > ANSWER_BYTES:
                    die(exit_codes.UNREACHABLE, f"an answer has more than {ANSWER_BYTES >> 20} MiB")
                if time.monotonic() > until:
                    raise UnansweredError(f"an answer has not ended within {ANSWER_SECONDS} s")
            kind = response.headers.get_content_type()
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            if kind == "text/html":
                die(exit_codes.DENIED, "it answers with a page for people, such as one to log in, not with JSON")
            raise UnansweredError("an answer is no JSON, or has been cut off") from None


def access_token() -> str:
    """Return a token of gcloud's account. It is nowhere but in this process: no argument, variable, file or log."""
    line = ["gcloud", "auth", "print-access-token"]
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnansweredError(f"no token of gcloud: {type(error).__name__}") from None
    token = done.stdout.strip()
    if done.returncode == 0 and TOKEN.fullmatch(token):
        return token
    meaning = classify(from_gcloud(done.stderr))
    if meaning.verdict in (Verdict.LOGIN, Verdict.DENIED):
        die(exit_codes.DENIED, f"gcloud has no token: {sentence(meaning)}")
    raise UnansweredError(f"gcloud has no token: {one_line(done.stderr)}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Airflow's API does not redirect: what does so leads to a page to log in."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none; the caller has an HTTPError then."""
        return


def _words(error: urllib.error.HTTPError) -> str:
    """Return the status and, of an answer in JSON, what it says."""
    try:
        body = json.loads(error.read(PIECE_BYTES))
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        body = None
    said = one_line(next(filter(None, (text_at(body, key) for key in ("detail", "error", "title"))), ""))
    return f"HTTP {error.code}{f' {said}' if said else ''}"
