from __future__ import annotations

import re

import pytest

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.templating import Renderer, find_template

MACRO = '{% macro pair(text) %}\nfirst: {{ text }}\nsecond: "{{ text }}!"\n{% endmacro %}\n'


def test_a_value_never_reaches_the_yaml_text(tmp_path):
    (tmp_path / "mine.yaml.j2").write_text("a: {{ values.x }}\nb: '{{ values.x }} {{ values.x ~ 'y' }}'")
    rendered = Renderer(tmp_path).render("mine.yaml.j2", {"values": {"x": "hostile"}})
    assert "hostile" not in rendered.text
    assert rendered.values == ["hostile", "hostile", "hostiley"]


def test_placeholders_differ_from_one_rendering_to_the_next(tmp_path):
    (tmp_path / "mine.yaml.j2").write_text("a: {{ 1 }}")
    assert len({Renderer(tmp_path).render("mine.yaml.j2", {}).text for _ in range(3)}) == 3


def test_text_that_looks_like_a_placeholder_does_not_change(read):
    lookalike = "v0123456789abcdefn0z"
    assert read("a: {{ values.x }}\nb: {{ values.y }}", {"x": lookalike, "y": 2}) == {"a": lookalike, "b": 2}


@pytest.mark.parametrize(
    "escape",
    [
        "{{ values.x | safe }}",
        "{{ values.x | tojson }}",
        "{{ ['a', values.x] | join }}",
        "{{ '%s' | format(values.x) }}",
    ],
)
def test_no_filter_lets_a_value_into_the_structure(read, escape):
    assert list(read(f"a: {escape}", {"x": "1\nb: 2"})) == ["a"]


def test_the_text_of_a_macro_is_structure_and_its_arguments_are_values(read):
    document = read(MACRO + "a:\n  {{ pair(values.x) | indent(2) }}", {"x": "x: [1\n- 2"})
    assert document == {"a": {"first": "x: [1\n- 2", "second": "x: [1\n- 2!"}}


def test_a_macro_is_imported_from_a_file_beside_the_template(read):
    document = read('{% import "macros.yaml.j2" as m %}\n{{ m.pair(5) }}', macros=MACRO)
    assert document == {"first": 5, "second": "5!"}


@pytest.mark.parametrize(
    "escape", ["pair('').format(values.x)", "pair('') ~ values.x", "pair('')|replace('first',values.x)", "[pair('')]"]
)
def test_the_text_of_a_macro_does_not_mix_with_values(read, escape):
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 5: the text of a macro is not a value; "):
        read(MACRO + "{{ " + escape + " }}", {"x": "b: 1"})


def test_the_text_of_a_macro_can_be_indented_only_by_a_number(read):
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 5: "):
        read(MACRO + "{{ pair(1) | indent(values.x) }}", {"x": "b: 1\n"})


@pytest.mark.parametrize(
    "block",
    [
        "{% filter replace('a', values.x) %}a: 1{% endfilter %}",
        "{% set t %}a: 1{% endset %}",
        "{% autoescape true %}a: 1{% endautoescape %}",
    ],
)
def test_blocks_that_rewrite_template_text_are_refused(read, block):
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 2: .* blocks are not supported in manifests; ") as error:
        read(f"b: 1\n{block}", {"x": "a"})
    assert error.value.status == 65


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("values.x", "values.x"),
        ("values['x']", "values.x"),
        ("values.a.x", "values.a.x"),
        ("values.l[0].x", "values.l[0].x"),
        ("values.a.items", "values.a.items"),
        ("[values.x]", "values.x"),
        ("nothing", "'nothing'"),
    ],
)
def test_the_error_for_an_undefined_value_has_its_line(read, expression, name):
    with pytest.raises(RenderError) as error:
        read("a: 1\n\nb: {{ " + expression + " }}\n", {"a": {}, "l": [{}]})
    fix = "give a value or, in the template, a default"
    assert str(error.value) == f"mine.yaml.j2 line 3: {name} is undefined; {fix}"
    assert error.value.status == 65


def test_the_error_for_an_undefined_value_in_an_imported_file_names_the_file(read):
    with pytest.raises(RenderError, match=r"^macros.yaml.j2 line 2: values.x is undefined; "):
        read(
            '{% import "macros.yaml.j2" as m with context %}\na: {{ m.f() }}',
            macros="{% macro f() %}\n{{ values.x }}{% endmacro %}",
        )


def test_a_value_may_have_the_name_of_a_method(read):
    assert read("a: {{ values.items }}\nb: {{ values.get.keys }}", {"items": 1, "get": {"keys": 2}}) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("''.__class__.__mro__", "access to attribute '__class__' of 'str' object is unsafe"),
        ("values.l.append(1)", "access to attribute 'append' of 'list' object is unsafe"),
        ("range", "is not a JSON value"),
        ("values.l | map('int')", "filters such as map and select do not return a list: add `| list`"),
        ("values.l | reverse", "do not return a list: add `| list`"),
        ("{1: 2}", "the key 1 is not a string"),
        ("values.f * 10", "inf is not a JSON number"),
        ("1 + 'x'", "unsupported operand"),
        ("1 / 0", "division by zero"),
    ],
)
def test_an_expression_that_is_not_a_json_value_is_refused_with_its_line(read, expression, what):
    with pytest.raises(RenderError, match=rf"^mine.yaml.j2 line 2: .*{re.escape(what)}.*(?<!\.); correct") as error:
        read("a: 1\nb: {{ " + expression + " }}", {"l": [], "f": 1e308})
    assert error.value.status == 65


@pytest.mark.parametrize("wrong", ["{{ 1 + }}", "{% unknown %}"])
def test_a_syntax_error_is_reported_with_its_line(read, wrong):
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 3: .*(?<!\.); correct the template") as error:
        read(f"a: 1\nb: 2\nc: {wrong}")
    assert error.value.status == 65


def test_a_template_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "mine.yaml.j2").write_bytes(b"a: \xff")
    with pytest.raises(
        RenderError, match=r"^mine.yaml.j2: .* byte 0xff in position 3: .*; save the template as UTF-8$"
    ):
        Renderer(tmp_path).render("mine.yaml.j2", {})


def test_a_missing_import_is_a_missing_template(read):
    with pytest.raises(RenderError, match=r"^template nowhere.yaml.j2 not found; import and include read") as error:
        read('{% import "nowhere.yaml.j2" as m %}')
    assert error.value.status == 66


def test_a_template_is_found_by_name_or_by_a_path_with_a_slash(tmp_path):
    named, other = tmp_path / "one.yaml.j2", tmp_path / "job.yaml"
    named.write_text("")
    other.write_text("")
    assert find_template("one", tmp_path) == named
    assert find_template(str(other), tmp_path) == other


@pytest.mark.parametrize("name", ["two", "one.yaml.j2", "./one.yaml.j2", "x" * 300])
def test_the_error_for_an_unknown_template_lists_the_known_ones(tmp_path, monkeypatch, name):
    folder = tmp_path / "templates"
    folder.mkdir()
    for template in ("_macros", "one", "three"):
        (folder / f"{template}.yaml.j2").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RenderError, match=rf"^template {name} not found; use one of: one, three, or a path") as error:
        find_template(name, folder)
    assert error.value.status == 66
