"""A schema that a team writes for the values of its template."""

from __future__ import annotations

import json

import pytest
from refused_values import environment, refused

from gke_jobs.rendering.value_check import check_values


def test_without_a_schema_the_template_must_read_each_value(tmp_path):
    template, source = tmp_path / "mine.yaml.j2", "{{ values.data }}"
    check_values({"data": 1}, template, environment(mine=source))
    check_values({"anything": 1}, template, environment(mine="{{ values | tojson }}"))
    message = refused({"dta": 1}, template, source)
    assert message == (
        "mine.yaml.j2: values.dta is unknown (the template does not read it: did you mean data?); "
        "correct the values or the template"
    )


def test_a_schema_of_a_team_defines_the_values_of_its_template(tmp_path):
    template, schema = tmp_path / "mine.yaml.j2", tmp_path / "mine.schema.json"
    content = {"properties": {"rows": {"type": ["integer", "null"], "minimum": 1}, "mode": {"enum": ["a", "b"]}}}
    schema.write_text(json.dumps(content))
    check_values({"rows": 5, "other": 1}, template, environment())
    assert "values.rows must be an integer or null, not a string" in refused({"rows": "5"}, template)
    schema.write_text(json.dumps({"properties": {"word": {"type": "string", "pattern": "^[a-z]+$"}}}))
    assert "values.word must be text that matches ^[a-z]+$, not 'X'" in refused({"word": "X"}, template)
    schema.write_text(json.dumps(content))
    assert "values.mode must be one of a, b, not 'c'" in refused({"mode": "c"}, template)


def test_a_pattern_that_takes_too_long_is_an_error(tmp_path):
    template, schema = tmp_path / "mine.yaml.j2", tmp_path / "mine.schema.json"
    schema.write_text(json.dumps({"properties": {"word": {"pattern": "^(a+)+$"}}}))
    check_values({"word": "a" * 40}, template, environment())
    message = refused({"word": "a" * 40 + "!"}, template)
    assert message.startswith(
        "mine.yaml.j2: values.word must be shorter, or the pattern ^(a+)+$ simpler: it takes too long to match; "
    )


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("^a$", "a\n"), ("a$|b", "a\n"), (r"\$$", "a"), ("^[$]$", "$\n"), (r"^[\]$]$", "$\n"), (r"^\\$", "\\\n")],
)
def test_a_dollar_in_a_pattern_matches_only_the_end_of_the_text(tmp_path, pattern, text):
    (tmp_path / "mine.schema.json").write_text(json.dumps({"properties": {"word": {"pattern": pattern}}}))
    assert "values.word must be text that matches" in refused({"word": text}, tmp_path / "mine.yaml.j2")
    check_values(
        {"word": text.removesuffix("\n").replace("a", "a$" if pattern == r"\$$" else "a")},
        tmp_path / "mine.yaml.j2",
        environment(),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "mine.schema.json: cannot read the schema of the values: "),
        ("[]", "mine.schema.json: a schema is not a mapping; correct it"),
        (
            '{"properties": {"a": {"oneOf": []}}}',
            "the schema has the keyword oneOf, which is not supported; use only a",
        ),
        ('{"properties": []}', "the schema has properties: [], which is invalid"),
        ('{"properties": {"a": {"type": "strnig"}}}', 'the schema has type: "strnig", which is invalid; correct it'),
        ('{"properties": {"a": {"pattern": "("}}}', 'the schema has pattern: "(", which is invalid'),
        ('{"properties": {"a": {"enum": 3}}}', "the schema has enum: 3, which is invalid"),
        ('{"properties": {"a": {"enum": []}}}', "the schema has enum: [], which is invalid"),
        ('{"properties": {"a": {"minimum": NaN}}}', "the schema has minimum: NaN, which is invalid"),
        ('{"minItems": true}', "the schema has minItems: true, which is invalid"),
        ('{"propertyNames": {"format": "date"}}', "the schema has the keyword format, which is not supported"),
        ('{"items": {"format": "date"}}', "the schema has the keyword format, which is not supported"),
    ],
)
def test_a_schema_with_unsupported_keywords_is_refused(tmp_path, content, message):
    (tmp_path / "mine.schema.json").write_text(content)
    assert message in refused({}, tmp_path / "mine.yaml.j2")


def test_a_schema_that_cannot_be_read_is_refused_with_the_reason(tmp_path):
    (tmp_path / "mine.schema.json").mkdir()
    assert refused({}, tmp_path / "mine.yaml.j2") == (
        "mine.schema.json: cannot read the schema of the values: Is a directory; correct it"
    )
