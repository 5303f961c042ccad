"""Quantities of Kubernetes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gke_jobs.quantities import format_amount, quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("1.5Gi", "1610612736"),
        (".5k", "500"),
        ("1.", "1"),
        (4, "4"),
        (0.25, "0.25"),
        ("100e6", "100000000"),
        ("1E-2", "0.01"),
        ("1E", "1000000000000000000"),
        ("-1", "-1"),
        ("100n", "0.0000001"),
    ],
)
def test_a_quantity_is_a_number(text, number):
    assert quantity(text) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", "4GB", "1K", "much", "1e400", "9" * 5000, "\u0661", True, None, [], "1 Gi", "1\n"]
)
def test_anything_else_is_none(text):
    assert quantity(text) is None


def test_what_people_read():
    assert [format_amount(Decimal(number)) for number in ("17179869184", "0.500", "100")] == ["16Gi", "0.5", "100"]
