"""README.ja.md is README.md in Japanese: the same commands, code, links and headings in the same order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ENGLISH, JAPANESE = ((REPOSITORY / name).read_text() for name in ("README.md", "README.ja.md"))
MOST_LINES = 150


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(r"^ *```.*?^ *```$", id="code"),
        pytest.param(r"(?<!`)`[^`\n]+`(?!`)", id="words in backquotes"),
        pytest.param(r"\]\((?!README)([^)]+)\)", id="links"),
        pytest.param(r"^#+(?= )", id="headings"),
        pytest.param(r"^\|", id="rows of tables"),
    ],
)
def test_both_have_the_same(what):
    found = [re.findall(what, text, re.DOTALL | re.MULTILINE) for text in (ENGLISH, JAPANESE)]
    if "`[^`" in what:  # the order of words differs between the languages
        found = [sorted(each) for each in found]
    assert found[0] == found[1] != []


def test_the_readme_is_short():
    assert len(ENGLISH.splitlines()) <= MOST_LINES
