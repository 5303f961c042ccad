"""What is said of a value that is unknown, missing or of a wrong type."""

from __future__ import annotations

import json

import pytest
from golden import TEMPLATES
from jinja2 import DictLoader, Environment

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.value_check import check_values

BATCH, INDEXED = TEMPLATES / "batch-job.yaml.j2", TEMPLATES / "indexed-job.yaml.j2"


def environment(**templates):
    return Environment(loader=DictLoader({f"{name}.yaml.j2": source for name, source in templates.items()}))


def refused(values, template=BATCH, source=""):
    with pytest.raises(RenderError) as error:
        check_values(values, template, environment(mine=source))
    assert error.value.status == 65
    return str(error.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"commnd": ["a"]}, "values.commnd is unknown (did you mean command?)"),
        ({"retires": 3}, "values.retires is unknown (did you mean retries?)"),
        ({"Image": "x"}, "values.Image is unknown (did you mean image?)"),
        ({"qwertz": 1}, "values.qwertz is unknown"),
        ({"env_vars": {"A": "1"}}, "values.env_vars is unknown (here it is env)"),
        (
            {"startup_timeout_seconds": 5},
            "values.startup_timeout_seconds is unknown (here it is the option --start-timeout)",
        ),
        ({"a\nb\x1b[2J": 1}, "values.a b\\x1b[2J is unknown"),
        ({"image": 3}, "values.image must be a string, not an integer"),
        ({"image": None}, "values.image must be a string, not null"),
        ({"command": "python train.py"}, "values.command must be a list of strings, not a string"),
        ({"args": ["a", ["b"]]}, "values.args[1] must be a string, not a list"),
        ({"args": [None]}, "values.args[0] must be a string, not null"),
        ({"env": ["A=1"]}, "values.env must be a mapping of strings, not a list"),
        ({"env": {"A": {"b": 1}}}, "values.env.A must be a string, not a mapping"),
        ({"retries": "many"}, "values.retries must be an integer, not 'many'"),
        ({"retries": True}, "values.retries must be an integer, not a boolean"),
        ({"retries": 1.5}, "values.retries must be an integer, not a number"),
        ({"retries": -1}, "values.retries must be at least 0, not -1"),
        ({"retries": "-1"}, "values.retries must be at least 0, not -1"),
        ({"run_as_user": "0" * 19}, "values.run_as_user must be an integer, not '0000000000000000000'"),
        ({"secret_env": {"A": {"name": None, "key": "k"}}}, "values.secret_env.A.name must be a string, not null"),
        ({"run_as_user": 0}, "values.run_as_user must be at least 1, not 0"),
        ({"no_retry_exit_codes": [1, "x"]}, "values.no_retry_exit_codes[1] must be an integer, not 'x'"),
        ({"automount_service_account_token": "yes"}, "values.automount_service_account_token must be a boolean"),
        ({"tolerations": {"key": "a"}}, "values.tolerations must be a list of mappings, not a mapping"),
        ({"secret_env": {"A": {"name": "s"}}}, "values.secret_env.A.key is missing"),
        ({"secret_env": {"A": {"name": "s", "kex": "k"}}}, "values.secret_env.A.kex is unknown (did you mean key?)"),
        ({"volumes": {"/a": {"hostPath": {"path": "/"}}}}, "values.volumes./a.hostPath is unknown"),
        ({"volumes": {"/a": {"persistentVolumeClam": {}}}}, "did you mean persistentVolumeClaim?"),
    ],
)
def test_a_value_that_is_not_as_it_should_be_is_named(given, said):
    assert said in refused({"image": "busybox", **given})


def test_a_required_value_that_is_missing():
    assert refused({}) == "values.image is missing: give a string, batch-job.yaml.j2, see templates/VALUES.md"


def test_items_are_a_list_and_no_text_of_which_each_character_is_one():
    said = refused({"image": "busybox", "items": "abc"}, INDEXED)
    assert said.startswith("values.items must be a list, not a string")


@pytest.mark.parametrize("given", [{"retries": "3"}, {"retries": None}, {"args": [1, True, "x"]}, {"scratch": 5}])
def test_what_airflow_makes_of_values_is_taken(given):
    assert check_values({"image": "busybox", **given}, BATCH, environment()) == {"image": "busybox", **given}


def test_a_values_file_may_name_its_schema():
    assert check_values({"image": "a", "$schema": "./batch-job.schema.json"}, BATCH, environment()) == {"image": "a"}


def test_without_a_schema_each_value_must_be_read(tmp_path):
    template, source = tmp_path / "mine.yaml.j2", "{{ values.data }}"
    assert check_values({"data": 1}, template, environment(mine=source)) == {"data": 1}
    assert check_values({"anything": 1}, template, environment(mine="{{ values | tojson }}")) == {"anything": 1}
    said = refused({"dta": 1}, template, source)
    assert said == (
        "values.dta is unknown (the template does not read it; did you mean data?), mine.yaml.j2, "
        "correct the values or the template"
    )


def test_a_schema_of_a_team_says_what_its_template_takes(tmp_path):
    template, schema = tmp_path / "mine.yaml.j2", tmp_path / "mine.schema.json"
    content = {"properties": {"rows": {"type": ["integer", "null"], "minimum": 1}, "mode": {"enum": ["a", "b"]}}}
    schema.write_text(json.dumps(content))
    assert check_values({"rows": 5, "other": 1}, template, environment()) == {"rows": 5, "other": 1}
    assert "values.rows must be an integer or null, not a string" in refused({"rows": "5"}, template)
    schema.write_text(json.dumps({"properties": {"word": {"type": "string", "pattern": "^[a-z]+$"}}}))
    assert "values.word must be text that matches ^[a-z]+$, not 'X'" in refused({"word": "X"}, template)
    schema.write_text(json.dumps(content))
    assert "values.mode must be one of a, b, not 'c'" in refused({"mode": "c"}, template)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot read the schema of the values, mine.schema.json"),
        ("[]", "a schema is no mapping, mine.schema.json"),
        ('{"properties": {"a": {"oneOf": []}}}', "the schema has the keyword oneOf, which is not supported"),
        ('{"properties": []}', "the schema has properties: [], which it cannot be"),
        ('{"properties": {"a": {"type": "strnig"}}}', 'the schema has type: "strnig", which it cannot be'),
        ('{"properties": {"a": {"pattern": "("}}}', 'the schema has pattern: "(", which it cannot be'),
        ('{"properties": {"a": {"enum": 3}}}', "the schema has enum: 3, which it cannot be"),
        ('{"properties": {"a": {"minimum": NaN}}}', "the schema has minimum: NaN, which it cannot be"),
        ('{"items": {"format": "date"}}', "the schema has the keyword format, which is not supported"),
    ],
)
def test_a_schema_that_would_not_be_checked_is_refused(tmp_path, content, said):
    (tmp_path / "mine.schema.json").write_text(content)
    assert said in refused({}, tmp_path / "mine.yaml.j2")
