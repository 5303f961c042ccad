"""The connection to the API server: answers of a server that misbehaves, and kubectl proxy."""

import os
import sys
import threading
import time

import pytest
from api_server import raw

from gke_jobs.connection import Connection, Proxy
from gke_jobs.errors import ApiError


def test_a_server_that_never_answers_is_an_error_after_a_time(server, connection, never):
    server.answers["/x"] = raw(b"", then=never)
    with pytest.raises(ApiError, match="no more data arrives"):
        connection.get_json("/x", seconds=0.2)


def test_one_that_answers_by_drops_is_one_after_the_same_time(server, connection):
    def drip(sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            sock.sendall(b" ")
            time.sleep(0.05)

    server.answers["/x"] = drip
    begun = time.monotonic()
    with pytest.raises(ApiError, match="no complete answer within"):
        connection.get_json("/x", seconds=0.3)
    assert time.monotonic() - begun < 5


PROXY = """
import os, socket, sys, threading
open("started", "a").write(f"{os.getpid()}\\n")
listening = socket.socket(socket.AF_UNIX)
listening.bind("socket")
listening.listen()
while True:
    one = listening.accept()[0]
    if one.recv(65536):
        one.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    one.close()
"""


def started(directory):
    return [int(pid) for pid in (directory / "started").read_text().split()]


@pytest.fixture
def proxied(tmp_path):
    yield Connection(Proxy(socket=tmp_path / "socket", command=[sys.executable, "-c", PROXY], log=tmp_path / "log"))
    if (tmp_path / "started").exists():
        for pid in started(tmp_path):
            if os.path.exists(f"/proc/{pid}"):
                os.kill(pid, 9)


def in_thread(connection):
    found = []
    thread = threading.Thread(target=lambda: found.append(connection.get_json("/x")))
    thread.start()
    thread.join(20)
    return found


def test_the_proxy_is_started_by_the_first_request_and_outlives_its_thread(proxied, tmp_path):
    assert in_thread(proxied) == [{}]
    time.sleep(0.2)
    assert in_thread(proxied) == [{}]
    assert len(started(tmp_path)) == 1


def test_a_proxy_that_dies_is_started_anew_once_for_all_requests(proxied, tmp_path):
    assert proxied.get_json("/x") == {}
    os.kill(started(tmp_path)[0], 9)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{started(tmp_path)[0]}") and time.monotonic() < deadline:
        time.sleep(0.01)
    threads = [threading.Thread(target=proxied.get_json, args=("/x",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert proxied.get_json("/x") == {}
    assert len(started(tmp_path)) == 2


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["false"], "cannot be started"),
        ([sys.executable, "-c", "import sys; sys.exit('no such context')"], "no such context"),
        (["no-such-command"], "cannot be started"),
    ],
)
def test_a_proxy_that_cannot_be_started_is_an_error_with_its_words(tmp_path, command, words):
    connection = Connection(Proxy(socket=tmp_path / "socket", command=command, log=tmp_path / "log"))
    with pytest.raises(ApiError, match=words):
        connection.get_json("/x")


def test_without_its_directory_there_is_no_answer(tmp_path):
    connection = Connection(Proxy(socket=tmp_path / "gone" / "socket", command=["false"], log=tmp_path / "log"))
    with pytest.raises(ApiError, match="No such file"):
        connection.get_json("/x")
