"""The sanitizer: makes text of a cluster or a container safe for a task log. No other module does that.

Sanitized text cannot move a cursor, hide or reverse text, begin a line, or open or close a group of Airflow's log
view. Letters of any language stay readable.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import datetime
from typing import Any

LINE_LIMIT = 1024  # characters; also what Kubernetes allows the message of an event
COLOURS = re.compile(r"\x1b\[[0-9;:]*m")  # SGR
RESET = "\x1b[0m"
ENDS_PLAIN = re.compile(r"\x1b\[0*m\Z")
# Control characters, and characters that act as such in a browser or a terminal: line separators, marks for the
# direction of text. Tab is allowed. The last range represents bytes that are no UTF-8 and are C1 control characters in
# other encodings.
CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udc9f]")
# Airflow 3 interprets ::group:: and ::endgroup:: anywhere in a line, after it has removed colours. Airflow 2 also
# interprets ##[group].
_C = rf"(?:{COLOURS.pattern})*"
GROUP_MARK = re.compile(
    rf"(:{_C}:|#{_C}#{_C}\[)(?={_C}(?:e{_C}n{_C}d{_C})?g{_C}r{_C}o{_C}u{_C}p{_C}(?::{_C}:|\]))", re.IGNORECASE
)
MAY_BE_GROUP = re.compile("::|##|:\x1b|#\x1b")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # DNS-1123 subdomain
NAME_LIMIT = 253
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)  # RFC 3339
# The ASCII characters to escape, without tab. Most lines have none of them.
PLAIN = re.compile(rb"[\t\x20-\x7e]*")


def escaped(text: str) -> str:
    """Return text without colours and group marks, with control characters escaped."""
    text = COLOURS.sub("", text)
    if not text.isprintable():
        text = "".join(char if _is_readable(char) else _escape(char) for char in text)
    return _without_marks(text)


def printable(text: str) -> str:
    """Return one line of text, escaped and cut at LINE_LIMIT."""
    text = escaped(text)
    return text if len(text) <= LINE_LIMIT else f"{text[:LINE_LIMIT]}... (cut: {len(text)} characters)"


def one_line(message: Any) -> str:
    """Return the message of a Kubernetes object, which may have several lines, as one printable line.

    '' for any value that is no text.
    """
    return printable(" ".join(message.split())) if isinstance(message, str) else ""


def container_line(line: bytes) -> bytes:
    """Return a line of a container's live log, without its newline, made safe for the task log.

    Colours and bytes that are no UTF-8 stay unchanged; open colours are closed.
    """
    if PLAIN.fullmatch(line) and b"::" not in line and b"##" not in line:
        return line
    text = line.decode(errors="surrogateescape").rstrip("\r")
    pieces = COLOURS.split(text)
    if len(pieces) == 1:
        text = CONTROLS.sub(_escape_match, text)
    else:
        colours = COLOURS.findall(text)
        pieces = [CONTROLS.sub(_escape_match, piece) for piece in pieces]
        text = "".join(part for pair in zip(pieces, [*colours, ""], strict=True) for part in pair)
        if not ENDS_PLAIN.fullmatch(colours[-1]):
            text += RESET
    return _without_marks(text).encode(errors="surrogateescape")


def log_lines(log: bytes) -> list[str]:
    """Return the lines of a container's log, printable, as a terminal would finally show them.

    A progress bar becomes its last state. A byte that is no UTF-8 becomes an escape.
    """
    lines = log.decode(errors="backslashreplace").removesuffix("\n").split("\n") if log else []
    return [printable(line.rstrip("\r").rpartition("\r")[2]) for line in lines]


def json_line(value: Any) -> str:
    """Return a value as a line of compact JSON that parses to the same value. ValueError for NaN.

    Letters of any language stay unchanged; characters that a terminal may interpret become JSON escapes.
    """
    line = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    if not line.isprintable():
        line = "".join(char if _is_readable(char) else _json_escape(char) for char in line)
    return GROUP_MARK.sub(lambda mark: f"\\u{ord(mark[1][0]):04x}{mark[1][1:]}", line)


def is_name(text: Any) -> bool:
    """Whether this is a valid name of a Kubernetes object (DNS-1123), safe in a command that users paste."""
    return isinstance(text, str) and len(text) <= NAME_LIMIT and NAME.fullmatch(text) is not None


def parse_time(text: Any) -> datetime | None:
    """Return a time of the Kubernetes API, with its time zone; None if it is not RFC 3339."""
    match = TIME.fullmatch(text) if isinstance(text, str) else None
    if not match:
        return None
    day_and_time, fraction, zone = match.groups()
    try:
        return datetime.fromisoformat(
            f"{day_and_time}.{(fraction or '0')[:6]:0<6}{'+00:00' if zone == 'Z' else zone}",
        )
    except ValueError:  # for example day 32
        return None


def duration(start: datetime, end: datetime) -> str:
    """Return the time between two moments in its two largest units: `12 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`."""
    seconds = max(0, int((end - start).total_seconds()))  # two clocks may differ a little
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _is_readable(char: str) -> bool:
    return char.isprintable() or char in "\t\u200c\u200d" or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()


def _json_escape(char: str) -> str:
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]  # json does not escape DEL


def _escape_match(match: re.Match[str]) -> str:
    char = match[0]
    return f"\\x{ord(char) - 0xDC00:02x}" if char >= "\udc80" else _escape(char)


def _without_marks(text: str) -> str:
    """Insert a space into each group mark."""
    return GROUP_MARK.sub(lambda mark: f"{mark[1][0]} {mark[1][1:]}", text) if MAY_BE_GROUP.search(text) else text
