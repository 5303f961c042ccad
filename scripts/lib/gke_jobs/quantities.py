"""Quantities of Kubernetes, as numbers and as text."""

from __future__ import annotations

import re
from decimal import Decimal

from gke_jobs.json_access import Json

Amounts = dict[str, Decimal]
QUANTITY = re.compile(
    r"([+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30}))(?:[eE]([+-]?\d{1,2})|(n|u|m|k|[MGTPE]|[KMGTPE]i))?", re.ASCII
)
POWERS = {"n": -3, "u": -2, "m": -1, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def quantity(text: Json) -> Decimal | None:
    """Return the number for a quantity of Kubernetes, None if it is invalid."""
    match = QUANTITY.fullmatch(str(text)) if isinstance(text, int | float | str) else None
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    if exponent:
        return Decimal(number).scaleb(int(exponent))
    if not suffix:
        return Decimal(number)
    base = 1024 if suffix.endswith("i") else 1000
    return Decimal(number) * Decimal(base) ** POWERS[suffix.removesuffix("i")]


def amounts(quantities: Json) -> Amounts:
    """Return the numbers of a mapping of resource to quantity, without invalid quantities."""
    found = quantities if isinstance(quantities, dict) else {}
    return {name: number for name, text in found.items() if (number := quantity(text)) is not None}


def format_amount(number: Decimal) -> str:
    """Return a quantity for users: `16Gi`, `0.5`."""
    gibibytes = number / 1024**3
    return (
        f"{gibibytes.normalize():f}Gi"
        if gibibytes >= 1 and gibibytes == gibibytes.to_integral()
        else f"{number.normalize():f}"
    )
