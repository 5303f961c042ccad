"""How an Indexed Job writes its completion indexes."""

import pytest

from localgke.indexes import format_indexes, parse_indexes


@pytest.mark.parametrize(
    ("indexes", "text"),
    [(set(), ""), ({0}, "0"), ({0, 1}, "0,1"), ({1, 3, 4, 5, 7}, "1,3-5,7"), (set(range(12)), "0-11")],
)
def test_completed_indexes_are_written_as_ranges_of_three_or_more(indexes: set[int], text: str) -> None:
    assert format_indexes(indexes) == text
    assert parse_indexes(text) == indexes
