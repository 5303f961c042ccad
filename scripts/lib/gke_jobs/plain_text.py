"""What comes from a cluster, made fit for a task log: one line, of limited length, without control characters."""

from __future__ import annotations

import re
from datetime import datetime

LINE_LIMIT = 1024  # characters; also what Kubernetes allows the message of an event
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def printable(text: str) -> str:
    """Return one line of text without colours, each control character as an escape, cut at LINE_LIMIT."""
    text = COLOURS.sub("", text)
    text = "".join(char if char.isprintable() or char in "\t\xa0" else _escape(char) for char in text)
    return text if len(text) <= LINE_LIMIT else f"{text[:LINE_LIMIT]}... (cut: {len(text)} characters)"


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()


def one_line(message: str) -> str:
    """Return the message of a Kubernetes object, which may have several lines, as one that is printable."""
    return printable(" ".join(message.split()))


def log_lines(log: bytes) -> list[str]:
    """Return the lines of a container's log, as a terminal would leave them and printable.

    Of a progress bar that is the last state; a byte that is no UTF-8 is shown as an escape.
    """
    lines = log.decode(errors="backslashreplace").removesuffix("\n").split("\n") if log else []
    return [printable(line.rstrip("\r").rpartition("\r")[2]) for line in lines]


def parse_time(text: str) -> datetime:
    """Return a time of the Kubernetes API."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def duration(start: datetime, end: datetime) -> str:
    """Tell the time between two moments in its two largest units: `12 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`."""
    seconds = max(0, int((end - start).total_seconds()))  # two clocks may disagree a little
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
