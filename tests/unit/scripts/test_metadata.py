"""Which account the metadata server has."""

import socket
import threading
from contextlib import suppress

import pytest

from gke_jobs.access import metadata

WORKER = "worker@p.iam.gserviceaccount.com"


def serve(answer):
    listening = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listening.accept()
        connection.recv(4096)
        connection.sendall(answer)
        connection.close()

    threading.Thread(target=run, daemon=True).start()
    return {"GCE_METADATA_HOST": "{}:{}".format(*listening.getsockname())}


@pytest.mark.parametrize(
    ("answer", "email"),
    [
        (b"HTTP/1.1 200 OK\r\nMetadata-Flavor: Google\r\n\r\n" + WORKER.encode(), WORKER),
        (b"HTTP/1.1 200 OK\r\n\r\nsomebody else's page", ""),
        (b"HTTP/1.1 404 Not Found\r\nMetadata-Flavor: Google\r\n\r\nno account", ""),
    ],
)
def test_only_a_metadata_server_says_who_this_machine_is(answer, email):
    assert metadata.email(serve(answer)) == email


def test_a_metadata_server_that_answers_byte_by_byte_is_given_up(monkeypatch):
    monkeypatch.setattr(metadata, "KNOWN_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    given_up = threading.Event()

    def drip():
        while not given_up.wait(0.02):
            with suppress(OSError):
                theirs.send(b"x")

    def connect(_, seconds):
        ours.settimeout(seconds)
        return ours

    monkeypatch.setattr(metadata.socket, "create_connection", connect)
    monkeypatch.setattr(metadata, "ANSWER_BYTES", 200)
    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(metadata.NoAnswerError, match=r"^the metadata server metadata did not answer within 0.2 s$"):
        metadata.email({"GCE_METADATA_HOST": "metadata"})
    given_up.set()
    dripping.join()
    theirs.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"", "nothing"), (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 503 Service Unavailable")],
)
def test_a_metadata_server_that_answers_with_an_error_gives_no_account(answer, reason):
    with pytest.raises(metadata.NoAnswerError, match=f"answered {reason}$"):
        metadata.email(serve(answer))


def test_a_metadata_server_that_cannot_be_reached_is_no_answer_where_it_is_named():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for place in (f"127.0.0.1:{port}", "127.0.0.1:x"):
        with pytest.raises(metadata.NoAnswerError, match=rf"^the metadata server {place} did not answer \("):
            metadata.email({"GCE_METADATA_HOST": place})


def test_elsewhere_there_is_no_metadata_server(monkeypatch):
    monkeypatch.setattr(metadata, "_is_google", lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(metadata, "ADDRESS", "127.0.0.1:{1}".format(*silent.getsockname()))
        assert metadata.email({}) == ""
