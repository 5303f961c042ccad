"""A model of how a node keeps the log of a container, and of what it sends.

A line is kept in pieces, each with a time of its own; sent is the time of the first, then the pieces. A stream from a
time on begins with the first piece of that time, which may be in the middle of a line: then it has no time.
"""

from datetime import datetime, timezone

EPOCH = 1_767_323_045  # 2026-01-02T03:04:05Z
SECOND = 10**9


class ServedLog:
    """What a container has written. lines: of each line its pieces, (nanoseconds, bytes)."""

    def __init__(self):
        self.lines = []
        self.is_open = False  # the last line has no newline yet
        self.has_ended = False
        self._time = EPOCH * SECOND

    def write(self, rng, now):
        """Write a piece of a line, and perhaps its newline."""
        if rng.randrange(3):
            self._time = max(self._time, int((EPOCH + now) * SECOND)) + rng.choice((0, 0, 1, 400_000_000, SECOND))
        if not self.is_open:
            self.lines.append([])
        text = b"" if self.lines[-1] else b"%d:" % (len(self.lines) - 1)
        text += rng.choice((b"", b"x", b"\xc3\xb6\xff", b"2026-01-02T03:04:04Z y", b"word " * 9))
        self.lines[-1].append((self._time, text))
        self.is_open = rng.randrange(4) == 0

    def line(self, number):
        """A line as it is to be printed."""
        return b"".join(text for _, text in self.lines[number])

    def sent(self, since):
        """What a stream from a time on has: its bytes, and (line, end, whether it is whole) of each line."""
        begin = stamp_seconds(since) * SECOND if since else 0
        data, ends = b"", []
        for number, pieces in enumerate(self.lines):
            kept = [text for time, text in pieces if time >= begin]
            if not kept:
                continue
            is_whole = len(kept) == len(pieces)
            data += (stamp(pieces[0][0]) + b" " if is_whole else b"") + b"".join(kept)
            if number < len(self.lines) - 1 or not self.is_open:
                data += b"\n"
                ends.append((number, len(data), is_whole))
        return data, ends


def stamp(time):
    """RFC 3339 with nanoseconds."""
    day = datetime.fromtimestamp(time // SECOND, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{day}.{time % SECOND:09d}Z".encode()


def stamp_seconds(text):
    """Seconds since 1970 of a `sinceTime`."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


class ServedStream:
    """One stream of a log, and how much of it was sent. is_last: it was begun when the end of the log was known."""

    def __init__(self, log, since, *, is_last):
        self._log, self._since = log, since
        self.is_last = is_last
        self.offset = 0

    def next(self, rng):
        """Some of what is left."""
        data = self._log.sent(self._since)[0][self.offset :]
        data = data[: rng.choice((1, 2, 7, 40, len(data)))]
        self.offset += len(data)
        return data

    @property
    def is_at_end(self):
        """Whether all was sent, and nothing more follows."""
        return self._log.has_ended and self.offset == len(self._log.sent(self._since)[0])

    @property
    def whole(self):
        """The numbers of the lines that were sent whole."""
        return {number for number, end, is_whole in self._log.sent(self._since)[1] if is_whole and end <= self.offset}
