"""The price of a Pod and hour, as an annotation of the Job: render-job writes it, the timeline reads it."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import NamedTuple

from gke_jobs.json_access import text_at

AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)
CURRENCY_LENGTH = 12


class Price(NamedTuple):
    """Amounts for a Pod and hour, '' if not known."""

    currency: str
    on_demand: str = ""
    spot: str = ""

    def to_text(self) -> str:
        """Return the price as text for an annotation."""
        return json.dumps({name: text for name, text in self._asdict().items() if text}, ensure_ascii=False)


def is_currency(text: str) -> bool:
    """Whether this is the name of a currency: ASCII letters and currency symbols."""
    return 0 < len(text) <= CURRENCY_LENGTH and all(
        (char.isascii() and char.isalpha()) or unicodedata.category(char) == "Sc" for char in text
    )


def price_from_text(text: str) -> Price | None:
    """Return the price from the output of `to_text`; None for any other text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    price = Price(*(text_at(found, name) for name in Price._fields))
    amounts = [amount for amount in (price.on_demand, price.spot) if amount]
    return price if is_currency(price.currency) and all(map(AMOUNT.fullmatch, amounts)) else None
