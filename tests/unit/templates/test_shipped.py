"""The shipped templates: their manifests are as reviewed, and have the documented properties."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import yaml
from golden import GOLDEN, OPTIONS, OWN_OPTIONS, REQUIRED, golden_files, manifest, options
from jinja2 import Environment, FileSystemLoader
from values_files import TEMPLATES as FOLDER
from values_files import definitions, files, shipped, values_of

from gke_jobs.rendering.render_error import RenderError
from gke_jobs.rendering.value_reads import values_read

TEMPLATES = list(REQUIRED)


def job(template: str, profile: str | None = None, **values: Any) -> dict[str, Any]:
    return next(yaml.safe_load_all(manifest(template, values, profile)))


def pod(template: str, profile: str | None = None, **values: Any) -> dict[str, Any]:
    return job(template, profile, **values)["spec"]["template"]["spec"]


def variables(template: str, profile: str | None = None, **values: Any) -> dict[str, str]:
    [container] = pod(template, profile, **values)["containers"]
    return {item["name"]: item.get("value", "") for item in container["env"]}


def test_each_shipped_template_has_golden_files():
    assert sorted(TEMPLATES) == shipped() == sorted(path.name for path in GOLDEN.iterdir())


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_renders_every_profile_and_option_as_reviewed(template):
    found = {path.name: path.read_text() for path in (GOLDEN / template).iterdir()}
    assert golden_files(template) == found, "look at what `make golden` changes, and commit it if it is as it should be"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_page_and_the_schemas_match_the_current_definitions(path):
    assert path.read_text() == files()[path], "run `make golden`"


@pytest.mark.parametrize("template", TEMPLATES)
def test_exactly_the_values_that_a_template_reads_are_defined_and_reviewed(template):
    read = values_read(Environment(loader=FileSystemLoader(FOLDER)), f"{template}.yaml.j2")
    defined, reviewed = {*values_of(template)}, {**REQUIRED[template], **options(template)}.keys()
    assert {*read} == defined, f"{template}.yaml.j2 reads other values than values.yaml defines"
    assert defined == reviewed, "give each value of values.yaml an example in OPTIONS or OWN_OPTIONS of golden.py"


def test_a_value_of_every_template_is_not_elsewhere():
    stale = definitions()["elsewhere"].keys() & definitions()["shared"].keys()
    assert stale == set(), "remove values of `shared` from `elsewhere` in templates/values.yaml"


@pytest.mark.parametrize(
    ("template", "name"), [(template, name) for template in TEMPLATES for name in REQUIRED[template]]
)
def test_the_error_names_a_missing_required_value(template, name, monkeypatch):
    monkeypatch.delitem(REQUIRED[template], name)
    with pytest.raises(RenderError, match=rf"^{template}\.yaml\.j2: values\.{name} is missing: give an? [-\w ]+; see"):
        manifest(template, {})


@pytest.mark.parametrize(
    ("template", "name"),
    [("batch-job", name) for name in OPTIONS]
    + [("indexed-job", name) for name in ("retries", *OWN_OPTIONS["indexed-job"])]
    + [("distributed-job", "retries")],
)
def test_a_null_value_leaves_the_field_out(template, name):
    """Compares with the manifest of all values, in which only that value is null: only fields are missing."""
    full, given = job(template, "gpu-l4", **options(template)), options(template)
    less = job(template, "gpu-l4", **{**given, name: None})
    assert "null" not in yaml.safe_dump(less)
    if name == "retries" and template == "distributed-job":
        less["spec"]["podFailurePolicy"] = full["spec"]["podFailurePolicy"]  # a disruption is fatal
    if name == "run_as_user":  # the mountOptions of the buckets also have it
        full["spec"]["template"]["spec"]["volumes"] = less["spec"]["template"]["spec"]["volumes"]
    assert less != full
    assert _is_part(less, full), f"{less}\n{full}"


def _is_part(part: Any, whole: Any) -> bool:
    """Returns whether `part` is `whole` without some fields and items."""
    if isinstance(part, dict):
        part, whole = copy.copy(part), copy.copy(whole)
        part.pop("gke-job/manifest-hash", None)
        return all(key in whole and _is_part(item, whole[key]) for key, item in part.items())
    if isinstance(part, list):
        items = iter(whole)
        return all(any(_is_part(item, other) for other in items) for item in part)
    return bool(part == whole)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_node_pool_by_name_replaces_the_labels_of_the_profile(template):
    assert pod(template, "gpu-l4", node_pool="p")["nodeSelector"] == {"cloud.google.com/gke-nodepool": "p"}


def test_a_name_that_the_renderer_uses_itself_is_accepted():
    names = {"$merge": "x", "$patch": "delete", "self": "1", "context": "2"}
    assert pod("batch-job", node_selector=names)["nodeSelector"] == names
    assert job("batch-job", annotations=names)["metadata"]["annotations"].items() >= names.items()


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_variable_of_the_user_comes_after_those_of_the_template(template):
    assert list(variables(template, env={"MINE": 1}))[-1] == "MINE"


def test_a_preemption_does_not_count_and_comes_before_the_exit_codes():
    rules = job("batch-job", no_retry_exit_codes=[3])["spec"]["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in rules] == ["Ignore", "FailJob"]
    assert rules[0]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]


def test_a_distributed_job_fails_with_one_pod_unless_it_has_retries():
    rules = job("distributed-job")["spec"]["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in rules] == ["FailJob"]
    rules = job("distributed-job", retries=1)["spec"]["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in rules] == ["Ignore"]


def test_an_item_of_any_type_is_text_in_its_file_and_json_in_the_list():
    items = ["$(HOME)", 'a "b"\n---', 1.5, True, None, ["x"], {"rate": 0.1, "<": "é"}]
    text = manifest("indexed-job", {"items": items})
    _, files = yaml.safe_load_all(text)
    assert list(files["data"].values()) == [
        "$(HOME)",
        'a "b"\n---',
        "1.5",
        "true",
        "null",
        '["x"]',
        '{"rate": 0.1, "<": "\\u00e9"}',
    ]
    assert yaml.safe_load(variables("indexed-job", items=items)["ITEMS"].replace("$$", "$")) == items


def test_an_empty_list_of_items_is_a_job_without_pods():
    found, files = yaml.safe_load_all(manifest("indexed-job", {"items": []}))
    assert (found["spec"]["completions"], found["spec"]["parallelism"]) == (0, 0)
    assert "data" not in files


def test_a_volume_that_is_mounted_twice_is_one_volume():
    claim = {"persistentVolumeClaim": {"claimName": "c"}, "name": "v"}
    given = {
        "/a": claim,
        "/b": {"readOnly": True, **claim},
        "/c": {"name": "v", "subPath": "x"},
        "/d": {"emptyDir": {}},
    }
    found = pod("batch-job", volumes=given)
    assert [volume["name"] for volume in found["volumes"]] == ["v", "volume-3"]
    mounts = [(mount["name"], mount["mountPath"]) for mount in found["containers"][0]["volumeMounts"]]
    assert mounts == [("v", "/a"), ("v", "/b"), ("v", "/c"), ("volume-3", "/d")]


def test_a_volume_of_pod_is_mounted_by_its_name():
    given = {"volumes": [{"name": "host", "hostPath": {"path": "/x"}}]}
    found = pod("batch-job", pod=given, volumes={"/x": {"name": "host"}})
    assert found["volumes"] == given["volumes"]
    assert found["containers"][0]["volumeMounts"] == [{"name": "host", "mountPath": "/x"}]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {
                "volumes": {
                    "/a": {"emptyDir": {}, "name": "v"},
                    "/b": {"nfs": {"server": "s", "path": "/"}, "name": "v"},
                }
            },
            "batch-job.yaml.j2: name 'v' occurs twice among the volumes of the Pod; give each a unique name",
        ),
        (
            {"volumes": {"/a": {"emptyDir": {}, "name": "scratch"}}, "scratch": "1Gi"},
            "batch-job.yaml.j2: name 'scratch' occurs twice among the volumes of the Pod",
        ),
        (
            {"volumes": {"/dev/shm": {"emptyDir": {}}}, "shared_memory": "1Gi"},
            "batch-job.yaml.j2: mountPath '/dev/shm' occurs twice among the mounts of container main",
        ),
        (
            {"env": {"A": "1"}, "secret_env": {"A": {"name": "s", "key": "k"}}},
            "batch-job.yaml.j2: name 'A' occurs twice among the variables of container main; ",
        ),
        (
            {"sidecars": [{"name": "main", "image": "a"}]},
            "batch-job.yaml.j2: name 'main' occurs twice among the containers of the Pod",
        ),
    ],
)
def test_a_name_or_path_that_occurs_twice_in_a_pod_is_refused(values, message):
    with pytest.raises(RenderError, match="^" + re.escape(message)) as error:
        manifest("batch-job", values)
    assert error.value.status == 65


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"volumes": {"/a": {}}}, "batch-job.yaml.j2: volume 'volume-0', mounted at /a, has no source; "),
        ({"volumes": {"/a": {"readOnly": True}}}, "batch-job.yaml.j2: volume 'volume-0', mounted at /a, has no source"),
        ({"volumes": {"/a": {"emptyDir": None}}}, "batch-job.yaml.j2: volume 'volume-0', mounted at /a, has no source"),
        ({"volumes": {"/a": {"name": "nope"}}}, "batch-job.yaml.j2: volume 'nope', mounted at /a, does not exist; "),
        ({"pod": {"volumes": [{"name": "m"}]}}, "batch-job.yaml.j2: volume 'm' has no source"),
    ],
)
def test_a_volume_without_a_source_is_refused(values, message):
    with pytest.raises(RenderError, match="^" + re.escape(message)) as error:
        manifest("batch-job", values)
    assert error.value.status == 65


def test_the_error_names_a_value_that_cannot_be_merged():
    what = r"values\.pod cannot be merged: volumes\[0\] has no name, the merge key of its list"
    with pytest.raises(RenderError, match=rf"^_macros\.yaml\.j2 line \d+: {what}; "):
        manifest("batch-job", {"pod": {"volumes": [{"emptyDir": {}}]}})


def test_a_sidecar_in_init_containers_starts_at_its_position():
    given = [{"name": "proxy", "image": "p", "restartPolicy": "Always"}, {"name": "fetch", "image": "f"}]
    found = pod("batch-job", init_containers=given, sidecars=[{"name": "last", "image": "l"}])["initContainers"]
    assert [(one["name"], one.get("restartPolicy")) for one in found] == [
        *(("proxy", "Always"), ("fetch", None), ("last", "Always")),
    ]


@pytest.mark.parametrize("template", TEMPLATES)
def test_numbers_may_be_strings_as_airflows_jinja_renders_them(template):
    given = {name: value for name, value in {**REQUIRED[template], **options(template)}.items() if type(value) is int}
    as_text = {name: str(value) for name, value in given.items()}
    assert manifest(template, as_text | {"no_retry_exit_codes": ["65"]}) == manifest(
        template, given | {"no_retry_exit_codes": [65]}
    )
    assert manifest(template, {"retries": "0"}) == manifest(template, {"retries": 0})


@pytest.mark.parametrize("value", ["", "3.5", 3.5, "3 ", "x", True, [3]])
def test_a_value_that_is_not_a_whole_number_is_refused(value):
    with pytest.raises(RenderError, match=r"^batch-job\.yaml\.j2: values\.retries must be an integer, not .*; see "):
        manifest("batch-job", {"retries": value})
