from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from profiles import read_profile
from render_error import RenderError

TABLE = Path(__file__).parents[2] / "templates" / "profiles.yaml"
NAMES = list(yaml.safe_load(TABLE.read_text()))
SPOT = {"key": "cloud.google.com/gke-spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}


def test_there_is_a_spot_variant_of_each_profile():
    kinds = ["cpu-small", "cpu-large", "highmem", "gpu-l4"]
    assert sorted(NAMES) == sorted([*kinds, *(f"{kind}-spot" for kind in kinds)])


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_limits_memory_to_what_it_requests(name):
    resources = read_profile(TABLE, name)["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-spot")])
def test_a_spot_profile_asks_for_spot_nodes_and_the_same_resources(name):
    spot, plain = read_profile(TABLE, name), read_profile(TABLE, name.removesuffix("-spot"))
    assert spot["resources"] == plain["resources"]
    assert spot["node_selector"] == {**plain.get("node_selector", {}), "cloud.google.com/gke-spot": "true"}
    assert spot["tolerations"] == [*plain.get("tolerations", []), SPOT]


def test_an_unknown_profile_is_answered_with_the_known_ones():
    with pytest.raises(RenderError, match=r"unknown profile, 'huge', take one of: cpu-small, cpu-small-spot,") as error:
        read_profile(TABLE, "huge")
    assert error.value.status == 65


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("a: [", "cannot read the profiles, "),
        ("- a", "profiles are not a mapping, "),
        ("a: b", "profile is not a mapping, a in "),
        ("a: {node_selektor: {}}", "bad field 'node_selektor', profile a in "),
        ("a: {tolerations: {}}", "bad field 'tolerations', profile a in "),
    ],
)
def test_a_table_that_is_not_as_documented_is_refused(tmp_path, content, what):
    table = tmp_path / "profiles.yaml"
    table.write_text(content)
    with pytest.raises(RenderError) as error:
        read_profile(table, "a")
    assert str(error.value).startswith(what)
    assert error.value.status == 65


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(RenderError, match=r"cannot read the profiles, .*profiles\.yaml"):
        read_profile(tmp_path / "profiles.yaml", "a")
