"""The errors of values that are refused, for the tests."""

from __future__ import annotations

import pytest
from golden import TEMPLATES
from jinja2 import DictLoader, Environment

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.value_check import check_values

BATCH, INDEXED = TEMPLATES / "batch-job.yaml.j2", TEMPLATES / "indexed-job.yaml.j2"


def environment(**templates):
    return Environment(loader=DictLoader({f"{name}.yaml.j2": source for name, source in templates.items()}))


def refused(values, template=BATCH, source=""):
    [line] = all_refused(values, template, source)
    return line


def all_refused(values, template=BATCH, source=""):
    with pytest.raises(RenderError) as error:
        check_values(values, template, environment(mine=source))
    assert error.value.status == 65
    return error.value.lines
