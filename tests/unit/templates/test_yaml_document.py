from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from hostile import HOSTILE

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.yaml_document import write_document

SHAPES = """
plain: {{ values.x }}
single: '{{ values.x }}'
double: "{{ values.x }}"
flow: {a: {{ values.x }}, b: ["{{ values.x }}", {{ values.x }}]}
list:
  - {{ values.x }}
  - inside text {{ values.x }} here
literal: |
  before
  {{ values.x }}
  after
folded: >-
  before
  {{ values.x }}
keys:
  {{ values.x }}: 1
  "key {{ values.x }}": 2
comment: 1 # {{ values.x }}
last: end
"""


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_a_value_arrives_exactly_and_leaves_the_structure_alone(read, text):
    expected = {
        "plain": text,
        "single": text,
        "double": text,
        "flow": {"a": text, "b": [text, text]},
        "list": [text, f"inside text {text} here"],
        "literal": f"before\n{text}\nafter\n",
        "folded": f"before {text}",
        "keys": {text: 1, f"key {text}": 2},
        "comment": 1,
        "last": "end",
    }
    document = read(SHAPES, {"x": text})
    assert document == expected
    assert yaml.safe_load(write_document(document)) == expected


def test_kubectl_reads_the_written_yaml_correctly():
    numbers = [0, -1, 5, 2**53 + 1, 2**63 - 1, 0.1, 1.0, 1e20, 1e-7, -2.5e300, True, False]
    spec = {
        "texts": HOSTILE,
        "numbers": numbers,
        "nested": [[["a"]], [], {}, {"a": {}}, {"b": [{"c": "d"}]}],
        **{f"k {text}": index for index, text in enumerate(HOSTILE) if len(text) < 1000},
        **{text: index for index, text in enumerate(HOSTILE) if len(text) < 1000},
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": spec}
    command = ["kubectl", "label", "--local", "--filename", "-", "--output", "json", "read=yes"]
    answer = subprocess.run(command, input=write_document(job), text=True, capture_output=True, check=True)
    assert json.loads(answer.stdout)["spec"] == spec


def test_the_written_yaml_is_ascii_with_one_line_for_each_string():
    text = write_document({"a": "é\u2028\n" * 100, "b": ["word " * 100]})
    assert text.isascii()
    assert len(text.splitlines()) == 3


def test_a_value_that_is_alone_in_its_place_keeps_its_type(read):
    value = {"limits": {"memory": "1Gi"}, "list": [1, 0.5, True, "x", [], {}]}
    assert read("a: {{ values.x }}", {"x": value}) == {"a": value}


def test_numbers_and_booleans_inside_text_are_written_as_in_json(read):
    document = read("a: '{{ values.t }} {{ values.i }} {{ values.f }}'", {"t": True, "i": 5, "f": 0.1})
    assert document == {"a": "true 5 0.1"}


@pytest.mark.parametrize(("value", "kind"), [(None, "null"), ([1], "a list"), ({"a": 1}, "a mapping")])
@pytest.mark.parametrize("field", ["a: x{{ values.x }}", "a: '{{ values.x }}'", "{{ values.x }}: a"])
def test_null_or_a_list_or_a_mapping_inside_text_is_refused(read, value, kind, field):
    with pytest.raises(RenderError, match=rf"^mine.yaml.j2 line 2: {kind} is inside text; ") as error:
        read(f"first: 1\n{field}\n", {"x": value})
    assert error.value.status == 65


def test_a_null_field_is_left_out(read):
    document = read("a: {{ values.x }}\nb: {{ values.y }}\nc:\nd: ~\ne: 1", {"x": None, "y": {"in": None, "z": 0}})
    assert document == {"b": {"z": 0}, "e": 1}


@pytest.mark.parametrize("item", ["{{ none }}", "", "~"])
def test_a_null_item_of_a_list_is_refused(read, item):
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 2: an item of a list is null; "):
        read(f"a:\n  - {item}\n")


CONTAINER = """
spec:
  template:
    spec:
      {{ values.kind }}:
        - {{ values.field }}: {{ values.content }}
"""


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
@pytest.mark.parametrize("text", ["$(HOME)", "$$(HOME)", "$", "$$$", "100$ $(", "a"])
def test_kubernetes_does_not_expand_values_in_command_args_and_env(read, kind, text):
    for field, content in (
        ("command", [text]),
        ("args", [text, text]),
        ("env", [{"name": "A", "value": text}]),
    ):
        document = read(CONTAINER, {"kind": kind, "field": field, "content": content})
        written = document["spec"]["template"]["spec"][kind][0][field]
        assert expanded(written) == content


def expanded(content: object) -> object:
    """The text that a container receives if no variable is defined: `$$` is a dollar, a reference shows as `<NAME>`."""
    if isinstance(content, list):
        return [expanded(item) for item in content]
    if isinstance(content, dict):
        return {key: expanded(item) for key, item in content.items()}
    result, rest = "", content
    while rest:
        if rest.startswith("$$"):
            result, rest = result + "$", rest[2:]
        elif rest.startswith("$(") and ")" in rest:
            name, _, rest = rest[2:].partition(")")
            result += f"<{name}>"
        else:
            result, rest = result + rest[0], rest[1:]
    return result


@pytest.mark.parametrize(
    ("template", "value", "received"),
    [
        ("$(HOME)/{{ values.x }}", "$(HOME)", "<HOME>/$(HOME)"),
        ("US${{ values.x }}", "(HOME)", "US$(HOME)"),
        ("$${{ values.x }}", "$(HOME)", "$$(HOME)"),
        ("{{ values.x }}(HOME)", "$", "$(HOME)"),
        ("{{ values.x }}{{ values.x }}", "$", "$$"),
    ],
)
def test_a_template_may_refer_to_variables_but_a_value_next_to_it_may_not(read, template, value, received):
    text = f"spec: {{template: {{spec: {{containers: [{{args: ['{template}']}}]}}}}}}"
    [container] = read(text, {"x": value})["spec"]["template"]["spec"]["containers"]
    assert expanded(container["args"]) == [received]


def test_dollars_in_other_fields_do_not_change(read):
    assert read("metadata: {name: {{ values.x }}}", {"x": "$(HOME)"}) == {"metadata": {"name": "$(HOME)"}}


def test_numbers_and_booleans_become_text_where_kubernetes_requires_text(read):
    text = "spec: {template: {spec: {containers: [{args: {{ values.x }}, command: [1.10, true]}]}}}"
    [container] = read(text, {"x": [3, 0.5, False, "x"]})["spec"]["template"]["spec"]["containers"]
    assert container == {"args": ["3", "0.5", "false", "x"], "command": ["1.10", "true"]}


@pytest.mark.parametrize(
    "word",
    [
        "NO",
        "yes",
        "on",
        "True",
        "NULL",
        "y",
        "n",
        "0o7",
        "007",
        "0x1F",
        "0b1",
        "1_000",
        "1e3",
        "1.5e3",
        ".5",
        "+1",
        "1.",
        ".inf",
        ".NaN",
        "1:30",
        "2026-01-01",
        "=",
        "<<",
    ],
)
def test_a_plain_word_that_parsers_read_differently_is_refused(read, word):
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 2: YAML parsers disagree about .*; put it in quotes"):
        read(f"a: 1\nb: {word}\n")
    assert read(f"b: '{word}'\n") == {"b": word}


def test_plain_words_that_parsers_agree_on_are_read(read):
    text = "[1, -5, 0, 0.5, true, false, text, 4096Mi, v1.2, a-b, 10m, 1.2.3, batch/v1]"
    expected = [1, -5, 0, 0.5, True, False, "text", "4096Mi", "v1.2", "a-b", "10m", "1.2.3", "batch/v1"]
    assert read(f"a: {text}") == {"a": expected}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: [1\nb: 2", "invalid YAML: expected ',' or ']'"),
        ("b: 'x", "invalid YAML: found unexpected end of stream"),
        ("b: *nothing", "invalid YAML: found undefined alias 'nothing'"),
        (
            "b: !!python/name:os.system x",
            "the YAML tag tag:yaml.org,2002:python/name:os.system is not supported in manifests",
        ),
        ("b: !own {a: 1}", "the YAML tag !own is not supported in manifests"),
        ("b: !!binary aGk=", "the YAML tag tag:yaml.org,2002:binary is not supported in manifests"),
        ("b: !!int {{ values.x }}", "text has the YAML tag tag:yaml.org,2002:int"),
        ("b: !!bool 'true'", "text has the YAML tag tag:yaml.org,2002:bool"),
        ("first: 2", "the key first occurs twice"),
        ("{{ values.first }}: 2", "the key first occurs twice"),
        ("<<: {a: 1}", "a key is not plain text"),
        ("? [a, b]\n: 1", "a key is not plain text"),
    ],
)
def test_unsupported_yaml_or_a_duplicate_key_is_refused_with_the_line(read, text, what):
    template = "{% for i in range(3) %}\n{% endfor %}\nfirst: 1\n" + text
    with pytest.raises(RenderError) as error:
        read(template, {"x": "5", "first": "first"})
    assert re.match(rf"mine\.yaml\.j2 line [45]: {re.escape(what)}", str(error.value))
    assert error.value.status == 65


def test_the_line_is_that_of_the_template_after_loops_and_in_macros(read):
    loop = "{% for i in range(5) %}\na{{ i }}: 1\n{% endfor %}\n"
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 4: "):
        read(loop + "b: NO\n")
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 3: "):
        read("{% macro f() %}\nc: 1\nb: NO\n{% endmacro %}\na: 1\n{{ f() }}\n")


def test_an_alias_is_read_and_one_in_a_circle_is_refused(read):
    assert read("a: &x [1]\nb: *x") == {"a": [1], "b": [1]}
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 1: nested more than 100 levels deep; "):
        read("a: &x [*x]")


@pytest.mark.parametrize("levels", [101, 300, 1000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ("{a: ", "}")])
def test_yaml_that_is_nested_too_deeply_is_refused(read, levels, begin, end):
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line \d: nested more than 100 levels deep; "):
        read(f"a: 1\nb: {begin * levels}{end * levels}")
    assert read(f"b: {begin * 99}1{end * 99}")


@pytest.mark.parametrize(("begin", "key", "end"), [("[", "", "]"), ("{", "k{}: ", "}")])
def test_aliases_that_expand_to_too_much_are_refused(read, begin, key, end):
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [
        f"a{n}: &a{n} {begin}" + ", ".join(f"{key.format(k)}*a{n - 1}" for k in range(9)) + end for n in range(1, 9)
    ]
    with pytest.raises(RenderError, match=r"^mine.yaml.j2 line 1: more than 100000 fields and items; use fewer "):
        read("\n".join(lines))


@pytest.mark.parametrize(("escape", "what"), [(r"\0", "a NUL character"), (r"\ud800", "half of a surrogate pair")])
@pytest.mark.parametrize("text", ['b: "x{}"', '"{}": 1', 'b: ["{}"]', 'b: "{}{{{{ values.x }}}}"'])
def test_text_that_no_container_can_receive_is_refused_with_its_line(read, escape, what, text):
    with pytest.raises(RenderError) as error:
        read("a: 1\n" + text.format(escape), {"x": "5"})
    assert str(error.value) == f"mine.yaml.j2 line 2: text contains {what}; remove it: no container can receive it"


def test_control_characters_in_a_template_are_refused(read):
    with pytest.raises(RenderError, match=r"invalid YAML: unacceptable character"):
        read("a: \x01")
