"""Hostile values in the shipped templates: the structure never changes; a value arrives exactly, or is refused.

Each example fills all places of a template at once: some 50. `make fuzz` tries 10,000 values on each template, other
runs the same 1,000 every time.
"""

from __future__ import annotations

import copy
import functools
import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from expansion import expand
from golden import REQUIRED, options
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from values_files import values_of

from gke_jobs.labels import OURS
from gke_jobs.rendering.pod_check import ARGUMENT_BYTES
from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.rendering import render
from gke_jobs.rendering.size_limits import ANNOTATIONS_BYTES
from gke_jobs.rendering.values import NOT_TEXT
from gke_jobs.rendering.yaml_document import write_document

TEMPLATES = Path(__file__).parents[3] / "templates"


def numbered(value: Any, numbers: Iterator[int], fixed: frozenset[str] = frozenset(), key_mark: str = "k") -> Any:
    """`value` with t0, t1, ... instead of each text, and k2, ... instead of each key except fixed ones.

    key_mark: /p for keys that must be paths
    """
    if isinstance(value, dict):
        keys = {key: key if key in fixed else f"{key_mark}{next(numbers)}" for key in value}
        return {keys[key]: numbered(item, numbers, fixed) for key, item in value.items()}
    if isinstance(value, list):
        return [numbered(item, numbers) for item in value]
    return f"t{next(numbers)}" if isinstance(value, str) else value


def hostile_places(name: str, value: Any, template: str, numbers: Iterator[int]) -> Any:
    """`value` with numbers in the places of hostile texts.

    One that is open becomes part of the manifest as it is; a quantity, a choice, a label or a bucket takes no
    other text.
    """
    definition = values_of(template)[name]
    if definition.get("open") or definition["type"] in ("quantity", "mapping of labels") or "choices" in definition:
        return value
    if definition["type"] == "mapping of buckets":
        return {f"/p{next(numbers)}": bucket for bucket in value.values()}
    if definition["type"] == "path":
        return f"/p{next(numbers)}"
    fixed = frozenset(field.rstrip("!") for field in definition.get("fields", []))
    return numbered(value, numbers, fixed, "/p" if definition.get("keys") == "mount path" else "k")


# Every value of each template, with a hostile text in each place that may have a text or a key.
VALUES: dict[str, dict[str, Any]] = {}
TEXTS: dict[str, int] = {}
for _template, _required in REQUIRED.items():
    _numbers = itertools.count()
    _values = {**_required, **options(_template), **({"items": ["", ""]} if "items" in _required else {})}
    VALUES[_template] = {name: hostile_places(name, value, _template, _numbers) for name, value in _values.items()}
    TEXTS[_template] = next(_numbers)

SHORT = [text for text in HOSTILE if len(text) < 1000]
PIECES = st.sampled_from([*SHORT, "$", "$$", "$(", "$(HOME)", "$(ITEM_FILE)"])
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
CLEAN = st.one_of(
    st.sampled_from(SHORT),
    st.text(CHARACTERS, max_size=20),
    st.lists(st.one_of(PIECES, st.text(CHARACTERS, max_size=3)), max_size=4).map("".join),
)
DIRTY = st.one_of(
    st.lists(st.one_of(PIECES, st.sampled_from("\0\ud800\udbff\udfff")), min_size=1, max_size=5).map("".join),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Co", "Cn"]), max_size=10),
    st.builds(str.__mul__, st.sampled_from("x$é\n"), st.sampled_from([65_537, ARGUMENT_BYTES, ARGUMENT_BYTES + 1])),
    st.builds(str.__mul__, st.sampled_from("x$é"), st.just(1_000_000)),
)


def test_every_template_is_tried():
    assert {path.name.removesuffix(".yaml.j2") for path in TEMPLATES.glob("[!_]*.yaml.j2")} == {*VALUES}


@pytest.mark.parametrize("template", VALUES)
@given(data=st.data())
def test_a_hostile_value_arrives_exactly_or_is_refused_for_a_reason(read_by_kubectl, template, data):
    size = TEXTS[template]
    texts = data.draw(st.lists(CLEAN, min_size=size, max_size=size))
    if data.draw(st.integers(0, 3)) == 0:
        texts[data.draw(st.integers(0, size - 1))] = data.draw(DIRTY)
    texts = [json.loads(json.dumps(text)) for text in texts]  # JSON has no two halves of a surrogate pair in a row
    by_name = {f"t{number}": text or "an empty one leaves its field out" for number, text in enumerate(texts)}
    by_name |= {f"k{number}": f"{text}{number}" for number, text in enumerate(texts)}  # no two keys are the same
    by_name |= {f"/p{number}": f"/{in_path(text)}{number}" for number, text in enumerate(texts)}
    given_values = filled(VALUES[template], by_name)
    expected = filled(harmless(template), by_name)
    reasons = reasons_to_refuse(expected, given_values)
    try:
        manifest = rendered(template, given_values)
    except RenderError as error:
        assert (error.status, bool(reasons)) == (65, True), str(error)  # noqa: PT017 # most are not refused
        return
    assert reasons in ([], ["large"]), longest(expected)  # where exactly that begins is not for this test
    assert received(copy.deepcopy(manifest)) == expected
    read_by_kubectl(manifest)


def in_path(text: str) -> str:
    """`text` without characters that a path must not have."""
    return re.sub("[:\0-\x1f\x7f]", "", text).replace("..", "")


@functools.cache
def harmless(template: str) -> list[dict[str, Any]]:
    return received(rendered(template, VALUES[template]))


def rendered(template: str, values: dict[str, Any]) -> list[dict[str, Any]]:
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
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))  # the safe loader of libyaml


def filled(value: Any, texts: dict[str, str]) -> Any:
    """`value` with each t0, t1, ... replaced."""
    if isinstance(value, dict):
        return {texts.get(key, key): filled(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, texts) for item in value]
    return texts.get(value, value) if isinstance(value, str) else value


def received(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`documents` with commands, arguments and variables as the container gets them, without the manifest hash."""
    job = documents[0]
    del job["metadata"]["annotations"]["gke-job/manifest-hash"]
    [container] = job["spec"]["template"]["spec"]["containers"]
    variables = {"HOME": "expanded"}
    for item in container["env"]:
        if "value" in item:
            item["value"] = variables[item["name"]] = expand(item["value"], variables)
        if item["name"] == "ITEMS":
            item["value"] = json.loads(item["value"])
    for field in ("command", "args"):
        container[field] = [expand(text, variables) for text in container[field]]
    return documents


def longest(documents: list[dict[str, Any]]) -> str:
    """The longest argument, for the message of a failure."""
    [container] = documents[0]["spec"]["template"]["spec"]["containers"]
    found = max((str(item) for item in (*container["command"], *container["args"], *container["env"])), key=len)
    return f"{len(found.encode())} bytes: {found[:50]!r} ... {found[-50:]!r}"


def reasons_to_refuse(documents: list[dict[str, Any]], values: dict[str, Any]) -> list[str]:
    """Why no cluster could run it: no image, a text that is invalid or too long for a program, or too large in all."""
    if any(NOT_TEXT.search(text) for text in texts_in(values)):
        return ["no text"]
    if not values["image"].strip(" "):
        return ["no image"]
    if any(key.startswith(OURS) for key in values.get("annotations", {})):
        return ["reserved"]
    reasons = ["large"] if len(json.dumps(documents)) > ANNOTATIONS_BYTES - 1000 else []
    [container] = documents[0]["spec"]["template"]["spec"]["containers"]
    variables = [f"{item['name']}={text_of(item.get('value', ''))}" for item in container["env"]]
    arguments = (*container["command"], *container["args"], *variables)
    return reasons + ["long"] * any(len(text.encode()) > ARGUMENT_BYTES for text in arguments)


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *texts_in(item))
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, str):
        yield value


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture(scope="module")
def read_by_kubectl() -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Collects manifests; checks at the end that kubectl, with the parser of the API server, reads them correctly."""
    manifests: list[dict[str, Any]] = []

    def collect(documents: list[dict[str, Any]]) -> None:
        if len(str(documents)) < 50_000:
            manifests.extend(documents)

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
