"""The prices of a team, in the file of its profiles, and the annotation of a Job with its price."""

from __future__ import annotations

import pytest
import yaml
from test_profiles import TABLE, escalated, refusal

from gke_jobs.price import Price, price_from_text
from gke_jobs.rendering.profiles import choose_profile
from gke_jobs.rendering.rendering import render

JOB = "{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {containers: [{name: main}]}}}}"
PRICES = """{currency: EUR, profiles: {
  cpu-small: {on_demand: 0.03, spot: 0.00001}, cpu-large: {on_demand: '12.50'}, mine: {}}}"""


def price(*files, last=None, **asked):
    asked = {"profile": None, "profile_for": None, **asked}
    return choose_profile([TABLE, *files], last=last, **asked).price


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("cpu-small", Price("EUR", on_demand="0.03", spot="0.00001")),
        ("cpu-small-spot", Price("EUR", on_demand="0.03", spot="0.00001")),
        ("cpu-large", Price("EUR", on_demand="12.50")),
        ("mine", Price("EUR")),
        ("mine-spot", Price("EUR")),  # has its own entry, and therefore no price of `mine`
        ("highmem", Price("EUR")),
        (None, None),
    ],
)
def test_the_price_is_that_of_the_profile(table, profile, expected):
    file = table("{mine: {}, mine-spot: {spot: true}}", prices=PRICES)
    assert price(file, profile=profile) == expected


def test_without_prices_a_job_has_no_price(table):
    assert price(profile="cpu-small") is None
    assert price(table(), profile="cpu-small") is None


def test_the_price_is_that_of_the_profile_of_the_attempt(table):
    file = table("{mine: {}}", prices=PRICES)
    assert price(file, profile_for="bytes=1").on_demand == "0.03"
    assert price(file, profile="cpu-small", last=escalated("cpu-small")).on_demand == "12.50"


def test_the_job_has_its_price_which_does_not_change_the_manifest_hash(table, tmp_path):
    def annotations(file):
        (tmp_path / "mine.yaml.j2").write_text(JOB)
        job = render(
            template=str(tmp_path / "mine.yaml.j2"),
            values=None,
            profile="cpu-small-spot",
            name="mine",
            namespace=None,
            templates=TABLE.parent,
            environ={"GKE_JOB_VALUES": "{}"},
            profiles=str(file),
        )
        return yaml.safe_load(job)["metadata"]["annotations"]

    without, priced = annotations(table()), annotations(table("{mine: {}}", prices=PRICES))
    assert priced == without | {"gke-job/price": '{"currency": "EUR", "on_demand": "0.03", "spot": "0.00001"}'}


def test_prices_of_a_later_file_replace_those_of_an_earlier_one(table, tmp_path):
    later = tmp_path / "later.yaml"
    later.write_text("prices: {currency: JPY, profiles: {highmem: {on_demand: 400}}}\n")
    files = table("{mine: {}}", prices=PRICES), later
    assert price(*files, profile="highmem") == Price("JPY", on_demand="400")
    assert price(*files, profile="cpu-small") == Price("JPY")


@pytest.mark.parametrize("currency", ["€", "US$", "₩", "¥"])
def test_a_currency_may_be_a_symbol(table, currency):
    file = table(prices=f"{{currency: {currency}, profiles: {{highmem: {{on_demand: 1}}}}}}")
    text = price(file, profile="highmem").to_text()
    assert text == f'{{"currency": "{currency}", "on_demand": "1"}}'
    assert price_from_text(text) == Price(currency, on_demand="1")


@pytest.mark.parametrize(
    ("prices", "what"),
    [
        ("[a]", "prices have an invalid format; "),
        ("{currency: EUR, cpu-small: {}}", "prices have an invalid format; "),
        ("{currency: EUR, profiles: [cpu-small]}", "prices have an invalid format; "),
        ("{profiles: {}}", "prices have an invalid currency: null; "),
        ("{currency: 7}", "prices have an invalid currency: 7; "),
        ('{currency: ""}', 'prices have an invalid currency: ""; '),
        ('{currency: "€ "}', "prices have an invalid currency: "),
        ('{currency: "a::b"}', 'prices have an invalid currency: "a::b"; '),
        (
            "{currency: EUR, profiles: {huge: {}}}",
            'prices contain "huge", which is not a profile; use one of: cpu-small, ',
        ),
        (
            "{currency: EUR, profiles: {cpu-small-spot: {}}}",
            'prices contain "cpu-small-spot", which is not a profile; ',
        ),
        ("{currency: EUR, profiles: {cpu-small: 1}}", "price of profile cpu-small has an invalid format; "),
        ("{currency: EUR, profiles: {cpu-small: {hour: 1}}}", "price of profile cpu-small has an invalid format; "),
        ("{currency: EUR, profiles: {cpu-small: {spot: -1}}}", "price of profile cpu-small has an invalid spot: -1; "),
        (
            "{currency: EUR, profiles: {cpu-small: {spot: true}}}",
            "price of profile cpu-small has an invalid spot: true; ",
        ),
        (
            "{currency: EUR, profiles: {cpu-small: {spot: 1000000}}}",
            "price of profile cpu-small has an invalid spot: 10000",
        ),
        (
            '{currency: EUR, profiles: {cpu-small: {spot: "1e3"}}}',
            'price of profile cpu-small has an invalid spot: "1e3"; ',
        ),
        (
            "{currency: EUR, profiles: {cpu-small: {spot: 0.0000001}}}",
            "price of profile cpu-small has an invalid spot: 1e-07",
        ),
    ],
)
def test_prices_that_are_not_as_documented_are_refused_with_the_file(table, prices, what):
    file = table(prices=prices)
    assert refusal(file, profile="highmem").startswith(f"{file}: {what}")
