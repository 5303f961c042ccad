"""How Airflow's REST API is read: by pages, within a time, whatever the server answers."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from gke_jobs import exit_codes
from gke_jobs.deployment import airflow_api
from gke_jobs.deployment.airflow_api import Airflow
from gke_jobs.deployment.storage_time import OVERRIDE, storage_time
from gke_jobs.deployment.time_limit import TimeIsOverError, time_limit
from gke_jobs.deployment.unanswered import DeniedError, UnansweredError
from gke_jobs.messages import ScriptError

AIRFLOW_3, AIRFLOW_2 = "composer-3-airflow-3.3.1-build.2", "composer-2.13.1-airflow-2.11.1"
DAYS_AGO = "Thu, 01 Jan 2026 00:00:00 GMT"


class Server(ThreadingHTTPServer):
    """Answers as `answer` does: (status, headers, body), where body is bytes, or pieces of it."""

    def __init__(self, answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.paths: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.paths.append(self.path)
        status, headers, body = self.server.answer(self)
        try:
            self.wfile.write(f"HTTP/1.0 {status} x\r\n".encode())
            self.wfile.write("".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n")
            for piece in [body] if isinstance(body, bytes) else body:
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            pass  # nobody reads any more

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Start a server that answers so."""
    servers = []

    def start(answer):
        server = Server(answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def airflow_at(server):
    return Airflow(server.address, AIRFLOW_3, lambda seconds: "token")


def as_json(body, **headers):
    return 200, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


class Lists:
    """The lists of an Airflow that counts `rows` for each entry, and gives at most so many rows at once."""

    def __init__(self, dags, *, most=100, has_total=True, rows=1, change=None):
        self.lists = {"dags": dags, "importErrors": []}
        self.most, self.has_total, self.rows, self.change = most, has_total, rows, change

    def __call__(self, request):
        url = urlsplit(request.path)
        query = {name: int(values[0]) for name, values in parse_qs(url.query).items() if name != "order_by"}
        name = url.path.rpartition("/")[2]
        rows = [entry for entry in self.lists[name] for _ in range(self.rows)]
        page = rows[query["offset"] :][: min(query["limit"], self.most)]
        entries = [entry for number, entry in enumerate(page) if not number or entry != page[number - 1]]
        if self.change:
            self.change(self.lists[name])
        total = {"total_entries": len(rows)} if self.has_total else {}
        return as_json({airflow_api.KEYS[name]: entries, **total})


def dags(count):
    return [{"dag_id": f"dag-{number:03}"} for number in range(count)]


@pytest.mark.parametrize(("most", "has_total"), [(2, True), (20, True), (99, True), (100, True), (100, False)])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 99, 100, 101, 200, 250])
def test_a_list_is_read_whole_by_its_pages(serve, count, most, has_total):
    found = airflow_at(serve(Lists(dags(count), most=most, has_total=has_total))).read(60)
    assert found.dags == dags(count)
    assert found.errors == []


@pytest.mark.parametrize("rows", [2, 3, 150])
@pytest.mark.parametrize("count", [1, 2, 70])
def test_an_entry_that_counts_as_several_rows_is_read_once(serve, count, rows):
    server = serve(Lists(dags(count), rows=rows))
    assert airflow_at(server).read(60).dags == dags(count)
    assert len(server.paths) <= count * rows / 99 + 3


@pytest.mark.parametrize("has_total", [True, False])
def test_a_dag_that_is_removed_or_added_between_two_pages_hides_no_other_one(serve, has_total):
    for change in (lambda dags: dags.pop(0), lambda dags: dags.insert(0, {"dag_id": "dag-"})):
        done = []
        once = lambda found, change=change, done=done: done or done.append(change(found))  # noqa: E731
        found = airflow_at(serve(Lists(dags(250), has_total=has_total, change=once))).read(60)
        assert {dag["dag_id"] for dag in dags(250)[1:]} <= {dag["dag_id"] for dag in found.dags}
        assert len({dag["dag_id"] for dag in found.dags}) == len(found.dags)


def test_a_list_that_changes_all_the_time_is_none(serve):
    server = serve(Lists(dags(250), change=lambda dags: dags.pop(0) if dags else None))
    with pytest.raises(UnansweredError, match="the list of dags has changed between two pages"):
        airflow_at(server).read(60)


def test_what_is_no_dag_does_no_harm(serve):
    odd = [7, None, {}, {"dag_id": None}, {"dag_id": ["x"]}]
    assert airflow_at(serve(Lists(odd))).read(60).dags == odd


@pytest.mark.parametrize("body", [{}, [], 7, None, {"dags": 3}])
def test_json_that_is_no_list_of_airflow_is_told(serve, body):
    with pytest.raises(UnansweredError, match="the response for dags does not have the format of Airflow"):
        airflow_at(serve(lambda request: as_json(body))).read(60)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (
            (404, {}, b'{"detail": "Not\\nFound"}'),
            exit_codes.UNREACHABLE,
            "it has no such REST API: HTTP 404 Not Found",
        ),
        ((302, {"Location": "/login"}, b""), exit_codes.DENIED, "it redirects to another page, .*: HTTP 302"),
        ((200, {"Content-Type": "text/html"}, b"<html>"), exit_codes.DENIED, "it returns an HTML page"),
        ((200, {}, b'{"dags": [{'), exit_codes.UNREACHABLE, "not JSON, or is truncated"),
        ((200, {}, b"[" * 100_000), exit_codes.UNREACHABLE, "not JSON"),
        ((204, {}, b""), exit_codes.UNREACHABLE, "HTTP 204"),
        ((400, {}, b""), exit_codes.UNREACHABLE, "HTTP 400"),
        ((503, {}, b"x"), exit_codes.UNREACHABLE, "HTTP 503"),
        (("\r\n", {}, b""), exit_codes.UNREACHABLE, "no answer"),
    ],
)
def test_an_odd_answer_may_be_a_good_one_later(serve, answer, status, words):
    with pytest.raises(UnansweredError, match=words) as error:
        airflow_at(serve(lambda request: answer)).read(60)
    assert error.value.status == status
    assert not isinstance(error.value, DeniedError)


def test_an_answer_has_a_limit(serve, monkeypatch):
    monkeypatch.setattr(airflow_api, "ANSWER_BYTES", 15)
    with pytest.raises(UnansweredError, match="an answer has more than 15 bytes"):
        airflow_at(serve(lambda request: (200, {}, b" " * 20))).read(60)


def trickle(request):
    """Pieces until the other end has closed the connection."""
    while True:
        yield b"x"
        time.sleep(0.01)


@pytest.mark.parametrize("status", [200, 302, 404])
def test_an_answer_that_trickles_ends_with_the_time(serve, status):
    server = serve(lambda request: (status, {}, trickle(request)))
    with pytest.raises(UnansweredError, match="no complete answer"):
        airflow_at(server).read(0.5)


def test_headers_that_trickle_end_with_the_time(serve):
    def answer(request):
        for piece in trickle(request):
            request.wfile.write(piece)
        return 200, {}, b""

    with pytest.raises(UnansweredError, match="no complete answer"):
        airflow_at(serve(answer)).read(0.5)


def test_pages_without_end_end_with_the_time(serve, monkeypatch):
    monkeypatch.setattr(airflow_api, "MOST_PAGES", 1 << 30)
    numbers = iter(range(1 << 30))

    def answer(request):
        number = next(numbers)
        return as_json({"dags": [{"dag_id": str(number)}, {"dag_id": str(number + 1)}]})

    with pytest.raises(UnansweredError, match="no complete answer"):
        airflow_at(serve(answer)).read(0.5)


def ignore_errors():
    while True:
        with suppress(OSError):
            time.sleep(0.01)


def test_a_block_that_goes_on_after_errors_is_ended_all_the_same():
    with pytest.raises(TimeIsOverError), time_limit(0.05):
        ignore_errors()


def test_the_time_is_that_of_the_server(serve):
    server = serve(lambda request: as_json({"dags": [], "import_errors": []}, Date=DAYS_AGO))
    assert airflow_at(server).read(60).time == datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("date", ["", "x", "Thu, 01 Jan 9999 00:00:00 GMT", "Thu, 99 Jan 2026 00:00:00 GMT"])
def test_a_server_that_does_not_tell_the_time_has_that_of_this_machine(serve, date):
    server = serve(lambda request: as_json({"dags": [], "import_errors": []}, Date=date))
    before = datetime.now(timezone.utc)
    assert airflow_at(server).read(60).time >= before


@pytest.mark.parametrize("status", [200, 400, 501])
def test_the_time_of_cloud_storage_is_that_of_any_answer(serve, monkeypatch, status):
    monkeypatch.setenv(OVERRIDE, serve(lambda request: (status, {"Date": DAYS_AGO}, b"")).address)
    assert storage_time() == datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "x", "http://127.0.0.1:99999"])
def test_without_cloud_storage_the_time_is_that_of_this_machine(monkeypatch, capsys, address):
    monkeypatch.setenv(OVERRIDE, address)
    before = time.time()
    assert storage_time() >= before
    assert "cannot read the time of Cloud Storage, using the clock of this machine: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("image", "address", "url"),
    [
        (AIRFLOW_3, "https://a-dot-europe-west4.composer.googleusercontent.com", "/api/v2"),
        (AIRFLOW_2, "https://a-dot-europe-west4.composer.googleusercontent.com/", "/api/v1"),
    ],
)
def test_the_version_of_the_api_is_that_of_the_image(image, address, url):
    assert Airflow(address, image, str)._base == f"https://a-dot-europe-west4.composer.googleusercontent.com{url}"


@pytest.mark.parametrize(
    "address",
    [
        *("", "http://a.example", "https://a@b.example", "file:///etc", "https://a/b?c", "https://a..b", "https://-a"),
        *("https://a:99999", "https://a:", "https://[::1]", f"https://{'a' * 64}", "https://a\n", "https://a:\u0661"),
    ],
)
def test_a_token_is_sent_to_no_address_that_is_none_of_composer(address):
    with pytest.raises(ScriptError, match="has an invalid web server address") as error:
        Airflow(address, AIRFLOW_3, str)
    assert error.value.status == exit_codes.CONFIG


@pytest.mark.parametrize("code", [401, 403])
def test_a_token_that_is_over_is_read_again_once(serve, code):
    tokens, used = iter("abc"), []

    def answer(request):
        used.append(request.headers["Authorization"].removeprefix("Bearer "))
        return as_json({"dags": [], "import_errors": []}) if used[-1] == "b" else (code, {}, b"")

    airflow = Airflow(serve(answer).address, AIRFLOW_3, lambda seconds: next(tokens))
    airflow._token = "an hour old"
    with pytest.raises(DeniedError, match=f"permission denied: HTTP {code}"):
        airflow.read(60)
    assert airflow.read(60).dags == []
    assert used == ["an hour old", "a", "a", "b", "b"]
