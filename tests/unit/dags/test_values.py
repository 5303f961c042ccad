"""Conversion, checks and merging of values."""

import math
from collections import OrderedDict
from datetime import date
from decimal import Decimal

import pytest

from gke_job.values import merged, plain


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "", "'\"\n{{", [], {}, {"a": [{"b": [1, None]}]}])
def test_a_json_value_is_returned_unchanged(value):
    assert plain(value) == value


def test_any_mapping_or_sequence_becomes_a_dict_or_list():
    assert plain(OrderedDict(a=(1, 2), b=range(2))) == {"a": [1, 2], "b": [0, 1]}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (
            {"a": [date(2026, 1, 1)]},
            r"^values\['a'\]\[0\] is of type datetime.date, which JSON does not support; convert " r"it",
        ),
        ({"a": Decimal(1)}, r"^values\['a'\] is of type decimal.Decimal"),
        ({"a": b"x"}, r"^values\['a'\] is of type bytes"),
        ({"a": {1, 2}}, r"^values\['a'\] is of type set"),
        ({"a": {1: 2}}, r"^values\['a'\] has the key 1 of type int"),
    ],
)
def test_a_value_that_json_lacks_is_refused_with_its_path_and_type(value, error):
    with pytest.raises(TypeError, match=error):
        plain(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_lacks_is_refused(number):
    with pytest.raises(ValueError, match=r"^values\['loss'\] is (nan|-?inf), a number that JSON does not support"):
        plain({"loss": number})


def test_values_of_a_mapped_task_are_merged_over_the_common_values_dict_by_dict():
    values = {"image": "i", "env": {"SEED": 1, "ROWS": 5}, "args": ["a", "b"], "volumes": {"/a": 1}}
    over = {"env": {"SEED": 2, "DEEP": {"x": 1}}, "args": ["c"], "volumes": None, "new": {"y": 2}}
    assert merged(values, over) == {
        "image": "i",
        "env": {"SEED": 2, "ROWS": 5, "DEEP": {"x": 1}},
        "args": ["c"],
        "volumes": None,
        "new": {"y": 2},
    }
    assert values["env"] == {"SEED": 1, "ROWS": 5}
