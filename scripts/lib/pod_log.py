"""Copies the output of a `kubectl logs` command to stdout, each line with a prefix, as it comes.

Usage: pod_log.py PREFIX KUBECTL-COMMAND...

Why not sed: a last line without newline gets one, so that nothing printed later (the result!) is glued to it; a line is
written in one call, so that lines of several Pods do not mix; bytes that are no UTF-8 pass unchanged. Ends with the
command's exit code; a signal that ends this program ends the command too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


def write_all(data: bytes) -> None:
    """Writes to stdout without a buffer: at once, and in one piece where the system allows it."""
    while data:
        data = data[os.write(1, data) :]


def main() -> int:
    """Runs the command and returns its exit code."""
    prefix = os.fsencode(sys.argv[1])
    command = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def stop(number: int, _frame: object) -> None:
        command.kill()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    assert command.stdout
    for line in command.stdout:
        write_all(prefix + line.removesuffix(b"\n") + b"\n")
    return command.wait()


if __name__ == "__main__":
    sys.exit(main())
