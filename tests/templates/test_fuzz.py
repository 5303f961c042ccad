"""Hostile values in the shipped templates: the structure never changes; what arrives is exact, or refused for a reason.

Each example fills all places of a template at once. `make fuzz` tries 10,000 values a template, other runs the same
1,000 every time.
"""

from __future__ import annotations

import copy
import functools
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from expansion import expand
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from limits import OBJECT_BYTES
from manifest import ARGUMENT_BYTES
from render_error import RenderError
from rendering import render
from values import NOT_TEXT
from yaml_document import write_document

TEMPLATES = Path(__file__).parents[2] / "templates"

# What each template is filled with: every t0, t1, ... stands for a hostile text, in the names of variables too.
VALUES: dict[str, dict[str, Any]] = {
    "batch-job": {
        "image": "t0",
        "command": ["t1", "t2"],
        "args": ["t3", "t4", "t5"],
        "env": {"t6": "t7", "t8": "t9", "t10": "t11"},
        "node_pool": "t12",
        "tolerations": [{"key": "t13", "value": "t14"}],
        "resources": {"requests": {"cpu": "t15"}},
        "service_account": "t16",
    },
}
TEXTS = 17
NAMES = {6, 8, 10}  # of variables: two that are equal would be one

PIECES = st.sampled_from([*(text for text in HOSTILE if len(text) < 1000), "$", "$$", "$(", "$(HOME)", "$(t6)"])
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
CLEAN = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(CHARACTERS, max_size=30),
    st.lists(st.one_of(PIECES, st.text(CHARACTERS, max_size=3)), max_size=5).map("".join),
)
DIRTY = st.one_of(
    st.lists(st.one_of(PIECES, st.sampled_from("\0\ud800\udbff\udfff")), min_size=1, max_size=5).map("".join),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Co", "Cn"]), max_size=10),
    st.builds(str.__mul__, st.sampled_from("x$é\n"), st.sampled_from([65_537, ARGUMENT_BYTES, ARGUMENT_BYTES + 1])),
    st.builds(str.__mul__, st.sampled_from("x$é"), st.just(1_000_000)),
)
EXAMPLES = st.tuples(
    st.lists(CLEAN, min_size=TEXTS, max_size=TEXTS),
    st.one_of(*[st.none()] * 3, st.tuples(st.integers(0, TEXTS - 1), DIRTY)),
)


def test_every_template_is_tried():
    assert {path.name.removesuffix(".yaml.j2") for path in TEMPLATES.glob("[!_]*.yaml.j2")} == {*VALUES}


@pytest.mark.parametrize("template", VALUES)
@given(example=EXAMPLES)
def test_a_hostile_value_arrives_exactly_or_is_refused_for_a_reason(read_by_kubectl, template, example):
    texts, dirty = example
    if dirty:
        texts[dirty[0]] = dirty[1]
    # JSON has no halves of surrogate pairs side by side: they are one character.
    texts = [json.loads(json.dumps(text)) + str(number) * (number in NAMES) for number, text in enumerate(texts)]
    by_name = {f"t{number}": text for number, text in enumerate(texts)}
    expected = filled(harmless(template), by_name)
    reasons = reasons_to_refuse(expected, texts)
    try:
        manifest = rendered(template, filled(VALUES[template], by_name))
    except RenderError as error:
        assert (error.status, bool(reasons)) == (65, True), str(error)  # noqa: PT017 # most are not refused
        return
    assert reasons in ([], ["large"])  # where exactly that begins is not for this test
    assert received(copy.deepcopy(manifest)) == expected
    read_by_kubectl(manifest)


@functools.cache
def harmless(template: str) -> dict[str, Any]:
    return received(rendered(template, VALUES[template]))


def rendered(template: str, values: dict[str, Any]) -> dict[str, Any]:
    text = render(
        template=template,
        values=None,
        profile="gpu-l4-spot",
        name="fuzz",
        namespace=None,
        templates=TEMPLATES,
        environ={"GKE_JOB_VALUES": json.dumps(values), "AIRFLOW_CTX_DAG_ID": "d"},
    )
    assert text.isascii()
    [document] = yaml.load_all(text, Loader=yaml.CSafeLoader)  # a safe one, from libyaml
    return document


def filled(value: Any, texts: dict[str, str]) -> Any:
    """`value` with each t0, t1, ... replaced."""
    if isinstance(value, dict):
        return {texts.get(key, key): filled(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, texts) for item in value]
    return texts.get(value, value) if isinstance(value, str) else value


def received(job: dict[str, Any]) -> dict[str, Any]:
    """`job` with commands, arguments and variables as its containers get them; its hash is another one each time."""
    del job["metadata"]["annotations"]["gke-job/manifest-hash"]
    for container in job["spec"]["template"]["spec"]["containers"]:
        variables = {"HOME": "expanded"}
        for item in container["env"]:
            item["value"] = expand(item["value"], variables)
            variables[item["name"]] = item["value"]
        for field in ("command", "args"):
            container[field] = [expand(text, variables) for text in container[field]]
    return job


def reasons_to_refuse(job: dict[str, Any], texts: list[str]) -> list[str]:
    """Why no cluster could run `job`: no program takes such a text, or one so long, or the whole is too large."""
    if NOT_TEXT.search("".join(texts)):
        return ["no text"]
    reasons = ["large"] if len(json.dumps(job)) > OBJECT_BYTES - 1000 else []
    for container in job["spec"]["template"]["spec"]["containers"]:
        variables = [f"{item['name']}={item['value']}" for item in container["env"]]
        arguments = (*container["command"], *container["args"], *variables)
        reasons += ["long"] * any(len(text.encode()) > ARGUMENT_BYTES for text in arguments)
    return reasons


@pytest.fixture(scope="module")
def read_by_kubectl() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Collects manifests; at the end kubectl, whose parser is the API server's, has read in them what was meant."""
    manifests: list[dict[str, Any]] = []

    def collect(manifest: dict[str, Any]) -> None:
        if len(str(manifest)) < 50_000:
            manifests.append(manifest)

    yield collect
    command = ["kubectl", "label", "--local", "--filename", "-", "--output", "json", "read=yes"]
    written = "---\n".join(map(write_document, manifests))
    answer = subprocess.run(command, input=written, text=True, capture_output=True, check=True).stdout
    decoder, position = json.JSONDecoder(), 0
    for manifest in manifests:
        read, end = decoder.raw_decode(answer[position:])
        position += end + 1
        assert read["metadata"]["labels"].pop("read") == "yes"
        assert read == manifest
    assert not answer[position:].strip()
