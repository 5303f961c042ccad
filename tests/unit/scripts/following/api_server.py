"""A small HTTP server on a Unix socket that answers as it is told, for what a real API server never does."""

import json
import socket
import threading
from contextlib import suppress


class ApiServer:
    """Answers each path by a function of the connection, which it closes afterwards. asked: the request lines."""

    def __init__(self, path):
        self.answers, self.asked = {}, []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self):
        with suppress(OSError):
            while True:
                connection = self._listening.accept()[0]
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection, suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            line = request.split(b"\r\n")[0].decode()
            self.asked.append(line)
            path, _, query = line.split()[1].partition("?")
            key = f"{path}?watch" if "watch=true" in query else path
            self.answers[key](connection)


def whole(body, code=200):
    """An answer with its length."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(connection):
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (code, len(data)) + data)

    return answer


def chunked(*pieces, is_whole=True, then=None):
    """A stream of pieces. is_whole: it ends in order; then: an Event to wait for before it ends."""

    def answer(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        if then:
            then.wait(20)
        if is_whole:
            connection.sendall(b"0\r\n\r\n")

    return answer


def raw(data, then=None):
    """Bytes that may be no HTTP."""

    def answer(connection):
        connection.sendall(data)
        if then:
            then.wait(20)

    return answer


def endless(piece, begin=b"HTTP/1.1 200 OK\r\n\r\n"):
    """The same bytes for ever."""

    def answer(connection):
        connection.sendall(begin)
        while True:
            connection.sendall(piece)

    return answer
