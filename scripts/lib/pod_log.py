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
    """Write to stdout without a buffer: at once, and in one piece where the system allows it."""
    while data:
        data = data[os.write(1, data) :]


def main() -> int:
    """Run the command and return its exit code."""
    prefix = os.fsencode(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as command:  # no shell
        try:
            for line in command.stdout or ():
                write_all(prefix + line.removesuffix(b"\n") + b"\n")
        except SystemExit:
            command.kill()
            raise
    return command.returncode


if __name__ == "__main__":
    sys.exit(main())
