"""How many columns of a terminal a text takes: a letter of Japanese takes two, an accent on another letter none."""

from __future__ import annotations

import unicodedata

FILLER = "\ue000"  # of private use, which no text that was sanitized has
NO_WIDTH = ("Mn", "Me", "Cf")  # categories


def columns(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, width: int) -> str:
    """Return a text with spaces behind it, so that it takes so many columns, or more where it is longer."""
    return text + " " * (width - columns(text))


def cut(text: str, most: int) -> str:
    """Return as much of a text as there are columns for."""
    for number, char in enumerate(text):
        most -= _columns(char)
        if most < 0:
            return text[:number]
    return text


def filled(text: str) -> str:
    """Return a text with FILLER behind each letter of two columns: it has no fewer letters than it takes columns."""
    return text if text.isascii() else "".join(char + FILLER * (_columns(char) - 1) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
