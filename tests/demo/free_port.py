"""Prints a port of the loopback interface that nobody listens on: `free_port.py PREFERRED`, that one if it is free."""

from __future__ import annotations

import socket
import sys


def free_port(preferred: int) -> int:
    """A port that nobody listens on."""
    for port in (preferred, 0):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    raise OSError("no port of 127.0.0.1 is free")


if __name__ == "__main__":
    print(free_port(int(sys.argv[1])))
