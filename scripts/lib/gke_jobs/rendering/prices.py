"""The prices of a team: of a Pod and hour for each profile. templates/profiles.yaml documents them."""

from __future__ import annotations

import json
from collections.abc import Collection
from decimal import Decimal

from gke_jobs.price import AMOUNT, CURRENCY_LENGTH, Price, is_currency
from gke_jobs.rendering.profile import Problem, is_mapping
from gke_jobs.rendering.values import Json

FORM = "write {currency: TEXT, profiles: {NAME: {on_demand: AMOUNT, spot: AMOUNT}}}"


def check_prices(prices: Json, profiles: Collection[str]) -> Problem | None:
    """Return why prices are invalid, None if they are as documented. profiles: the existing names."""
    if not is_mapping(prices, currency=lambda _: True, profiles=lambda given: isinstance(given, dict)):
        return Problem("prices have an invalid format", FORM)
    currency = prices.get("currency")
    if not isinstance(currency, str) or not is_currency(currency):
        fix = f"write 1 to {CURRENCY_LENGTH} letters or currency symbols, e.g. EUR or €"
        return Problem(f"prices have an invalid currency: {_shown(currency)}", fix)
    for name, price in prices.get("profiles", {}).items():
        if name not in profiles:
            fix = f"use one of: {', '.join(profiles)}, with on_demand and spot"
            return Problem(f"prices contain {_shown(name)}, which is not a profile", fix)
        if not is_mapping(price, on_demand=lambda _: True, spot=lambda _: True):
            return Problem(f"price of profile {name} has an invalid format", FORM)
        for kind, amount in price.items():
            if not AMOUNT.fullmatch(_amount(amount)):
                fix = "write the price of a Pod per hour with at most 6 digits before and after the dot, e.g. 0.73"
                return Problem(f"price of profile {name} has an invalid {kind}: {_shown(amount)}", fix)
    return None


def price_of(prices: Json, profile: str) -> Price:
    """Return the price of a Pod of a profile. prices: valid ones."""
    amounts = prices.get("profiles", {}).get(profile, {})
    return Price(prices["currency"], **{kind: _amount(amount) for kind, amount in amounts.items()})


def _amount(value: Json) -> str:
    if type(value) in (int, float):
        return format(Decimal(str(value)), "f")
    return value if isinstance(value, str) else ""


def _shown(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)[:50]
