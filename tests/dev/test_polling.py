from __future__ import annotations

import pytest

from polling import wait_until


def test_the_first_true_result_is_returned():
    results = iter([0, None, 7])
    assert wait_until(lambda: next(results)) == 7


def test_a_timeout_names_the_expectation():
    with pytest.raises(AssertionError, match=r"^not within 0 s: the Job is deleted: it runs"):
        wait_until(lambda: False, lambda: "the Job is deleted: it runs", seconds=0)
