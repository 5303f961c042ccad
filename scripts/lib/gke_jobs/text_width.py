"""Computes how many columns of a terminal a text takes: a Japanese letter takes two, a combining accent none."""

from __future__ import annotations

import unicodedata

FILLER = "\ue000"  # of private use, does not occur in sanitized text
NO_WIDTH = ("Mn", "Me", "Cf")  # categories


def columns(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, width: int) -> str:
    """Return a text padded with spaces to so many columns; a longer text stays unchanged."""
    return text + " " * (width - columns(text))


def cut(text: str, most: int) -> str:
    """Return the beginning of a text that fits so many columns."""
    for number, char in enumerate(text):
        most -= _columns(char)
        if most < 0:
            return text[:number]
    return text


def filled(text: str) -> str:
    """Return a text with FILLER after each letter of two columns, so that its length is at least its width."""
    return text if text.isascii() else "".join(char + FILLER * (_columns(char) - 1) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
