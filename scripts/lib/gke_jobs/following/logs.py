"""The log of one container: tracks its lines over any number of streams that break and resume.

A stream has a time before each line (`timestamps=true`). A resumed stream starts at the second of the last line
(`sinceTime`), and lines that were already printed are left out: no line is lost or printed twice. Only RFC 3339 times
count. A resumed stream may start in the middle of a line; that part belongs to a line that was printed.
"""

from __future__ import annotations

import re
from collections import Counter

from gke_jobs.following.log_positions import Position, nanoseconds
from gke_jobs.plain_text import container_line

LONGEST = 1 << 20  # bytes of a line; a longer line continues in another line
PROGRESS_SECONDS = 1.0  # between two states of a progress bar
STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d) ?")
CUT_STAMP = re.compile(rb"\d[-+\dT:.Z]*")
LONGEST_STAMP = 36  # bytes
GONE = b"unable to retrieve container logs"  # what the kubelet returns in place of the log


class ContainerLog:
    """The received part of a container's log.

    is_gone: the node no longer has the log; has_gap: lines may be missing; the caller resets it
    """

    def __init__(self, prefix: bytes, position: Position | None = None) -> None:
        position = position or Position()
        self._prefix = prefix
        self._second, self._zone = position.second, position.zone  # of the newest line
        self._copied = Counter(position.copied)  # the times of the lines in that second
        self._before = position.before  # older lines of that second, before this nanosecond, were also printed
        self._resumed = position.resumed  # time of the line in which the last stream broke, and its printed bytes
        self._is_new_run = False
        self.is_gone = False
        self.has_gap = False
        self.begin()

    @property
    def since(self) -> str:
        """The time from which the next stream must be read, '' for all."""
        return (self._second + self._zone).decode() if self._second else ""

    @property
    def position(self) -> Position:
        """The position up to which the log was printed. Valid only between two streams."""
        return Position(
            second=self._second,
            zone=self._zone,
            copied=dict(self._copied),
            before=self._before,
            resumed=self._resumed,
        )

    def expect_new_run(self) -> None:
        """Record that the container was restarted: the rest of the former log will not come."""
        self._is_new_run = True

    def begin(self) -> None:
        """Treat the next data as the beginning of a stream."""
        self._again = self._copied.copy()
        self._is_first = True  # no line of this stream has come
        self._has_news = False  # a line that was not printed before
        self._head = b""  # the beginning of a line, until it is known whether it is a time
        self._in_line = False
        self._stamp, self._skip = b"", False
        self._text = bytearray()  # the text of this line that is not printed yet
        self._printed = self._known = 0  # bytes of this line: printed in this stream, and in the one before
        self._shown_at: float | None = None  # the time since which a state of a progress bar waits

    def feed(self, data: bytes, now: float) -> bytes:
        """Process a piece of the stream; return the lines to print, with their newlines."""
        out: list[bytes] = []
        while data:
            piece, newline, data = data.partition(b"\n")
            if not self._in_line:
                self._head += piece
                if not newline and len(self._head) < LONGEST_STAMP and b" " not in self._head:
                    break
                piece, self._head = self._open_line(self._head), b""
            self._text += piece
            if newline:
                self._close_line(out)
            elif len(self._text) > LONGEST:
                self._print(out, len(self._text))
        out.append(self.progress(now))
        return b"".join(out)

    def progress(self, now: float, *, at_once: bool = False) -> bytes:
        """Return the last state of a progress bar that has no newline yet, at most once in PROGRESS_SECONDS."""
        end = self._text.rfind(b"\r") + 1
        if not end:
            self._shown_at = None
            return b""
        if self._shown_at is None:
            self._shown_at = now
        if now < self._shown_at + PROGRESS_SECONDS and not at_once:
            return b""
        out: list[bytes] = []
        self._print(out, end)
        self._shown_at = now
        return b"".join(out)

    @property
    def progress_at(self) -> float | None:
        """The time at which to call `progress` if no data comes."""
        return None if self._shown_at is None else self._shown_at + PROGRESS_SECONDS

    def end(self, *, is_whole: bool) -> bytes:
        """Record that the stream has ended, with the log or in the middle of a line; return the lines to print."""
        out: list[bytes] = []
        if self._head and not CUT_STAMP.fullmatch(self._head):
            self._text += self._open_line(self._head)
        if is_whole and self._text:
            self._close_line(out)
        elif self._in_line and not self._skip:
            self._resumed = self._stamp, max(self._printed, self._known)
        self.begin()
        return b"".join(out)

    def _open_line(self, head: bytes) -> bytes:
        """Decide by its time whether to print a line; return its text, as far as it has arrived."""
        match = STAMP.match(head)
        if match and self._is_first and self._second and (match[1] < self._second or match[2] != self._zone):
            match = None  # the stream starts in the middle of a line; the time is text of the program
        self._stamp = head[: match.end()].rstrip() if match else b""
        text = head[match.end() :] if match else head
        if match is None:
            self._skip = self._is_first and bool(self._second)
            if text.startswith(GONE):
                self.is_gone = self._skip = True
        elif self._again[self._stamp] > 0:
            self._again[self._stamp] -= 1
            self._skip = True
        elif match[1] == self._second and nanoseconds(self._stamp) < self._before:
            self._skip = True
        else:
            self._skip = False
            if self._copied and not self._has_news and self._again == self._copied:
                self.has_gap = not self._is_new_run
            self._has_news, self._is_new_run = True, False
        self._known = self._resumed[1] if self._stamp and self._resumed[0] == self._stamp else 0
        self._in_line, self._is_first, self._printed = True, False, 0
        return text

    def _close_line(self, out: list[bytes]) -> None:
        if self._text or self._printed == 0:
            self._print(out, len(self._text))
        if self._stamp and not self._skip:
            self._count()
            self._resumed = b"", 0
        self._in_line = False
        self._printed = 0
        self._shown_at = None

    def _print(self, out: list[bytes], end: int) -> None:
        """Print the text up to `end`, the last state of a progress bar, unless the former stream printed it."""
        text = bytes(self._text[:end])
        del self._text[:end]
        seen = max(0, self._known - self._printed)
        self._printed += len(text)
        if self._skip or (seen and seen >= len(text)):
            return
        shown = text[seen:].rstrip(b"\r").rpartition(b"\r")[2]
        out.append(self._prefix + container_line(shown) + b"\n")

    def _count(self) -> None:
        match = STAMP.match(self._stamp)
        second, zone = (match[1], match[2]) if match else (b"", b"")
        if second > self._second:
            self._second, self._zone, self._before = second, zone, 0
            self._copied.clear()
        if second == self._second:
            self._copied[self._stamp] += 1
