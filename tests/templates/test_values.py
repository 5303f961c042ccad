from __future__ import annotations

import pytest

from render_error import RenderError
from values import read_values


def test_values_come_from_the_file_before_the_environment(tmp_path):
    file = tmp_path / "values.json"
    file.write_text('\ufeff{"a": "from the file"}')
    assert read_values(str(file), {"GKE_JOB_VALUES": '{"a": 1}'}) == {"a": "from the file"}
    assert read_values(None, {"GKE_JOB_VALUES": '{"a": 1}'}) == {"a": 1}
    assert read_values(None, {}) == {}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "values are not JSON, GKE_JOB_VALUES: Expecting value"),
        ('{"a": 1,}', "values are not JSON, GKE_JOB_VALUES: "),
        ('{"a": NaN}', "values are not JSON, GKE_JOB_VALUES: NaN is not a JSON number"),
        ("[" * 100_000, "values are not JSON, GKE_JOB_VALUES: "),
        ('{"a": "\udcff"}', "values are not JSON, GKE_JOB_VALUES: "),  # a byte that is no UTF-8
        ('{"a":' * 101 + "1" + "}" * 101, "values are nested more than 100 deep, GKE_JOB_VALUES, "),
        ("[1]", "values are not a JSON object, GKE_JOB_VALUES, "),
        ("null", "values are not a JSON object, GKE_JOB_VALUES, "),
        ('{"a": [{"b": "x\\u0000"}]}', "values.a[0].b holds a NUL character, GKE_JOB_VALUES, "),
        ('{"a": {"\\ud800": 1}}', "the key '\\ud800' of values.a holds half of a surrogate pair, GKE_JOB_VALUES, "),
    ],
)
def test_values_that_no_manifest_could_hold_are_refused(content, what):
    with pytest.raises(RenderError) as error:
        read_values(None, {"GKE_JOB_VALUES": content})
    assert str(error.value).startswith(what)
    assert error.value.status == 65


def test_a_surrogate_pair_is_one_character():
    assert read_values(None, {"GKE_JOB_VALUES": '{"a": "\\ud83d\\ude00"}'}) == {"a": "\U0001f600"}
