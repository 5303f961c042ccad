"""Columns of a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gke_jobs.text_width import FILLER, columns, cut, filled, padded


@pytest.mark.parametrize(
    ("text", "width"),
    [
        *[("", 0), ("train", 5), ("\u5b66\u7fd2", 4), ("\uff76", 1), ("\U0001f9ea", 2), ("\u20ac", 1)],
        *[("e\u0301", 1), ("\u304b\u3099", 2), ("a\u200db", 2)],  # letters that others join
    ],
)
def test_the_columns_of_a_text(text, width):
    assert columns(text) == width
    assert columns(padded(text, 8)) == 8
    assert padded(text, 0) == text


@given(st.text(), st.integers(0, 20))
def test_a_text_is_cut_where_its_columns_end(text, most):
    found = cut(text, most)
    assert text.startswith(found)
    assert columns(found) <= most
    assert found == text or columns(text[: len(found) + 1]) > most


@given(st.text(st.characters(exclude_characters=FILLER)))
def test_a_filled_text_has_a_letter_for_each_column(text):
    assert len(filled(text)) >= columns(text)
    assert filled(text).replace(FILLER, "") == text
