"""Copies the log of a Pod to stdout, each line with a prefix, as it comes; goes on where a broken stream has stopped.

Usage: pod_log.py POD PREFIX ENDED KUBECTL-LOGS-COMMAND...

ENDED is a file that is there once the Pod has ended: only then is the end of a stream the end of the log. The command
gets --follow and --timestamps; a reconnection asks for the second of the last line again and leaves out what was copied
already, so no line is lost or repeated. Where the node no longer has what came before, that is said on stderr.

A line is written in one call, so that lines of several Pods do not mix; a last line without newline gets one, so that
nothing printed later (the result!) is glued to it; bytes that are no UTF-8 pass unchanged; what is longer than LONGEST
goes on in a line of its own. Exits with 0 at the end of the log, with 1 and a message where the rest cannot be had.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO, cast

LONGEST = 1 << 20  # bytes of a line
SECOND = len("2026-01-02T03:04:05")
POLL_SECONDS = 0.05
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds
ATTEMPTS = 3  # to read the end, once the Pod has ended


class PodLog:
    """The log of one Pod, as far as it was copied."""

    def __init__(self, pod: str, prefix: str, ended: Path, command: list[str]) -> None:
        self._pod = pod
        self._prefix = os.fsencode(prefix)
        self._ended = ended
        self._command = [*command, "--follow", "--timestamps"]
        self._second = b""  # of the newest line
        self._copied: Counter[bytes] = Counter()  # the times of the lines since then

    def copy(self) -> int:
        """Copy until the Pod has ended and its log is read; return the exit code."""
        attempts, pause = 0, FIRST_PAUSE
        while True:
            last = self._ended.exists()
            status, new, said = self._copy_stream(last)
            if last and status == 0:
                return 0
            attempts += last
            # Not any NotFound: a kubelet that has just started does not know its Pods yet.
            if f'pods "{self._pod}" not found' in said or attempts == ATTEMPTS:
                self._say(f"cannot be read to its end: {said or f'kubectl ended with {status}'}")
                return 1
            pause = FIRST_PAUSE if new else min(2 * pause, LONGEST_PAUSE)
            if status:
                self._say(f"is read on in {pause:g} s: {said or f'kubectl ended with {status}'}")
            self._wait(pause, last)

    def _copy_stream(self, last: bool) -> tuple[int, bool, str]:
        """Copy one stream; return kubectl's exit code, whether there was anything new, and what kubectl said."""
        since = [f"--since-time={self._second.decode()}Z"] if self._second else []
        pipe = subprocess.PIPE
        with subprocess.Popen([*self._command, *since], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as kubectl:
            output, errors = cast("IO[bytes]", kubectl.stdout), cast("IO[bytes]", kubectl.stderr)
            try:
                new = self._copy_lines(output, last)
            except SystemExit:
                kubectl.kill()
                raise
            said = errors.read().decode(errors="replace")
        return kubectl.returncode, new, " ".join(said.split())

    def _copy_lines(self, stream: IO[bytes], last: bool) -> bool:
        again = self._copied.copy()
        new = skip = False
        at_start = True
        while piece := stream.readline(LONGEST):
            whole = piece.endswith(b"\n")
            if not whole and len(piece) < LONGEST and not last:
                break  # the stream broke off within this line
            if at_start:
                stamp, _, piece = piece.partition(b" ")
                skip = again[stamp] > 0
                if skip:
                    again[stamp] -= 1
                else:
                    if self._copied and not new and again == self._copied:
                        self._say("may lack lines here: the node no longer has those before")
                    self._count(stamp)
                    new = True
            at_start = whole
            if not skip:
                _write(self._prefix + piece.removesuffix(b"\n") + b"\n")
        return new

    def _count(self, stamp: bytes) -> None:
        second = stamp[:SECOND]
        if second > self._second:
            self._second = second
            self._copied.clear()
        if second == self._second:
            self._copied[stamp] += 1

    def _wait(self, pause: float, last: bool) -> None:
        end = time.monotonic() + pause
        while time.monotonic() < end and (last or not self._ended.exists()):
            time.sleep(POLL_SECONDS)

    def _say(self, message: str) -> None:
        print(f"follow-job: the log of Pod {self._pod} {message}", file=sys.stderr, flush=True)


def _write(data: bytes) -> None:
    """Write to stdout without a buffer: at once, and in one piece where the system allows it."""
    while data:
        data = data[os.write(1, data) :]


def main() -> int:
    """Copy the log; a signal that ends this program ends kubectl too."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    pod, prefix, ended, *command = sys.argv[1:]
    return PodLog(pod, prefix, Path(ended), command).copy()


if __name__ == "__main__":
    sys.exit(main())
