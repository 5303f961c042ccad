from __future__ import annotations

import pytest
from expansion import expand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$(A)", "1"),
        ("$(A)$(B)-$(A)", "1$(A)-1"),
        ("$(NONE)", "$(NONE)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$", "$"),
        ("a$", "a$"),
        ("$(", "$("),
        ("$(A", "$(A"),
        ("$a", "$a"),
        ("$()", "$()"),
        ("$((A)", "$((A)"),
    ],
)
def test_references_expand_as_in_kubernetes(text, expected):
    assert expand(text, {"A": "1", "B": "$(A)"}) == expected


def test_a_dollar_splits_a_following_non_ascii_character_as_in_kubernetes():
    with pytest.raises(UnicodeDecodeError):
        expand("$é", {})
    assert expand("$$é", {}) == "$é"
