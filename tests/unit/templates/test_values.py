from __future__ import annotations

import pytest

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.values import mask, read_values


def test_values_come_from_the_file_before_the_environment(tmp_path):
    file = tmp_path / "values.json"
    file.write_text('\ufeff{"a": "from the file"}')
    assert read_values(str(file), {"GKE_JOB_VALUES": '{"a": 1}'}) == {"a": "from the file"}
    assert read_values(None, {"GKE_JOB_VALUES": '{"a": 1}'}) == {"a": 1}
    assert read_values(None, {}) == {}


def test_a_values_file_may_name_its_schema():
    assert read_values(None, {"GKE_JOB_VALUES": '{"image": "a", "$schema": "./batch-job.schema.json"}'}) == {
        "image": "a"
    }


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "GKE_JOB_VALUES: values are not JSON: Expecting value"),
        ('{"a": 1,}', "GKE_JOB_VALUES: values are not JSON: "),
        ('{"a": NaN}', "GKE_JOB_VALUES: values are not JSON: NaN is not a JSON number"),
        ("[" * 100_000, "GKE_JOB_VALUES: values are not JSON: "),
        (
            '{"a": "\udcff"}',
            "GKE_JOB_VALUES: values are not JSON: 'utf-8' codec can't decode byte 0xff in position 7: "
            "invalid start byte; save it as UTF-8",
        ),
        ('{"a":' * 101 + "1" + "}" * 101, "GKE_JOB_VALUES: more than 100 levels of nesting in the values; "),
        ('{"a": 1, "a": 1}', "GKE_JOB_VALUES: values are not JSON: the key 'a' occurs twice in one object; correct it"),
        ('{"a": [{"b": 1, "b": 2}]}', "GKE_JOB_VALUES: values are not JSON: the key 'b' occurs twice"),
        ("[1]", "GKE_JOB_VALUES: values are not a JSON object; "),
        ("null", "GKE_JOB_VALUES: values are not a JSON object; "),
        ('{"a": [{"b": "x\\u0000"}]}', "GKE_JOB_VALUES: values.a[0].b contains a NUL character; "),
        ('{"a": {"\\ud800": 1}}', "GKE_JOB_VALUES: the key '\\ud800' of values.a contains half of a surrogate pair; "),
    ],
)
def test_values_that_no_manifest_can_contain_are_refused(content, what):
    with pytest.raises(RenderError) as error:
        read_values(None, {"GKE_JOB_VALUES": content})
    assert str(error.value).startswith(what)
    assert error.value.status == 65


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("a=1e3", {"a": "1e3", "list": [1, 2]}),
        ("a=", {"a": "", "list": [1, 2]}),
        ("a=b=c", {"a": "b=c", "list": [1, 2]}),
        ("a:=null", {"a": None, "list": [1, 2]}),
        ('a:={"b": [1]}', {"a": {"b": [1]}, "list": [1, 2]}),
        ("env.SEED=1", {"a": "old", "list": [1, 2], "env": {"SEED": "1"}}),
        ("args.0=x", {"a": "old", "list": [1, 2], "args": ["x"]}),
        ("list.0=x", {"a": "old", "list": ["x", 2]}),
        ("list.2=x", {"a": "old", "list": [1, 2, "x"]}),
        (r"env.a\.b/c=x", {"a": "old", "list": [1, 2], "env": {"a.b/c": "x"}}),
        ("deep.0.x=y", {"a": "old", "list": [1, 2], "deep": [{"x": "y"}]}),
    ],
)
def test_a_setting_overrides_the_values(setting, expected):
    assert read_values(None, {"GKE_JOB_VALUES": '{"a": "old", "list": [1, 2]}'}, [setting]) == expected


def test_a_later_setting_overrides_an_earlier_one():
    assert read_values(None, {}, ["a.b=1", "a.c=2", "a.b=3"]) == {"a": {"b": "3", "c": "2"}}


@pytest.mark.parametrize("setting", ["", "a", "=b", ":=1", "a.=1", ".a=1", "a..b=1"])
def test_a_setting_without_a_path_is_a_usage_error(setting):
    with pytest.raises(RenderError, match=r"not PATH=TEXT or PATH:=JSON") as error:
        read_values(None, {}, [setting])
    assert error.value.status == 64


def test_a_list_begins_with_its_first_item():
    what = r"--set args\.1: a new list begins at index 0; use index 0, or := for a mapping with the key 1"
    with pytest.raises(RenderError, match=f"^{what}$"):
        read_values(None, {}, ["args.1=x"])


@pytest.mark.parametrize(
    "setting",
    [
        "a:=",
        "a:=NaN",
        "a.b=1",
        "new.1=x",
        "new.0.1=x",
        "list.3=x",
        "list.-1=x",
        "list.x=1",
        "list.0.x=1",
        "a=\0",
        "a=\udcff",
        "new." * 2000 + "x=1",
        f"list.{'9' * 5000}=1",
    ],
)
def test_a_setting_with_an_invalid_path_or_value_is_refused(setting):
    with pytest.raises(RenderError) as error:
        read_values(None, {"GKE_JOB_VALUES": '{"a": "old", "list": [1, 2]}'}, [setting])
    assert error.value.status == 65
    assert "--set" in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["env.T=hush", "env.T.x=1"],
            r"^--set env\.T\.x: the parent of x is neither a mapping nor a list; set x or its parent, not both, or",
        ),
        (["a:=[1, 2]", "a.5=hush"], r"^--set a\.5: the list has no index 5; use an index from 0 to 2$"),
        (["a:=hush"], r"^value of --set a:= is not JSON: Expecting value: line 1 column 1 \(char 0\); write a=TEXT"),
        (['a:=["hush", "b"'], r"^value of --set a:= is not JSON: "),
        (['a:={"b": "hush", "b": 2}'], r"^value of --set a:= is not JSON: the key 'b' occurs twice in one object"),
        (["a..b=hush"], r"^--set is 'a\.\.b=\.\.\.', not PATH=TEXT"),
    ],
)
def test_the_error_for_a_setting_does_not_show_its_value(settings, message):
    with pytest.raises(RenderError, match=message) as error:
        read_values(None, {}, settings)
    assert "hush" not in str(error.value)


def test_a_value_with_a_sensitive_name_is_masked_whatever_its_type():
    values = {
        "image": "kept",
        "env": {"API_KEY": "hush", "Db-Password": "hush", "TOKENS": ["hush"], "SEED": 1, "NONE_TOKEN": None},
        "auth": {"private_key": {"a": "hush"}},
        "list": [{"name": "api-key", "value": "hush"}, {"name": "SEED", "value": "kept"}, ["kept"]],
    }
    masked = mask(values)
    assert "hush" not in str(masked)
    assert masked["env"] == {"API_KEY": "***", "Db-Password": "***", "TOKENS": "***", "SEED": 1, "NONE_TOKEN": None}
    assert masked["list"] == [{"name": "api-key", "value": "***"}, {"name": "SEED", "value": "kept"}, ["kept"]]
    assert values["env"]["API_KEY"] == "hush"


def test_a_surrogate_pair_is_one_character():
    assert read_values(None, {"GKE_JOB_VALUES": '{"a": "\\ud83d\\ude00"}'}) == {"a": "\U0001f600"}
