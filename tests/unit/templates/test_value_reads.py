"""The values that a template reads."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, Environment

from gke_jobs.rendering.value_reads import values_read

MACROS = """
{% macro one() %}{{ values.a }}{{ two() }}{% endmacro %}
{% macro two() %}{{ values["b"] }}{% endmacro %}
{% macro other() %}{{ values.c }}{% endmacro %}
{{ values.d }}
"""


AGAIN = "{% from 'm' import one as mine with context %}"


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("plain: text", set()),
        ("{{ values.x }} {% if values.y is defined %}{{ values['z'].deep }}{% endif %}", {"x", "y", "z"}),
        ("{% import 'm' as m with context %}{{ m.one() }}", {"a", "b", "d"}),
        ("{% from 'm' import other with context %}{{ other() }}", {"c", "d"}),
        ("{% from 'm' import other as mine with context %}{{ mine() }}{{ values.x }}", {"c", "d", "x"}),
        ("{% import 'again' as a with context %}{{ a.mine() }}", {"a", "b", "d"}),
        ("{% import 'm' as m with context %}{{ m['one']() }}", None),
        ("{% import 'm' as m with context %}{{ (m | attr('one'))() }}", None),
        ("{% include 'm' %}", {"d"}),
        ("{% extends 'm' %}{% block a %}{{ values.x }}{% endblock %}", {"d", "x"}),
        ("{% set v = values.x %}{{ v.y }}", {"x"}),
        ("{% for name in values %}{{ name }}{% endfor %}", None),
        ("{{ values | tojson }}", None),
        ("{{ values[job.name] }}", None),
        ("{% set all = values %}{{ all.x }}", None),
        ("{% include values.x %}", None),
        ("{{ values.x", None),
        ("{% include 'missing' %}", None),
    ],
)
def test_the_values_that_a_template_reads_are_found(source, read):
    environment = Environment(loader=DictLoader({"t": source, "m": MACROS, "again": AGAIN}))
    assert values_read(environment, "t") == read
