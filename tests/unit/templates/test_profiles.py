from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gke_jobs.rendering.last_attempt import LastAttempt
from gke_jobs.rendering.profile import FIELDS, NO_PROFILE, conflict_with_spot
from gke_jobs.rendering.profiles import choose_profile
from gke_jobs.rendering.render_error import RenderError

TABLE = Path(__file__).parents[3] / "templates" / "profiles.yaml"
PLAIN = yaml.safe_load(TABLE.read_text())["profiles"]
NAMES = [*PLAIN, *(f"{name}-spot" for name, profile in PLAIN.items() if not conflict_with_spot(profile))]
SPOT = {"key": "cloud.google.com/gke-spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}


def choose(*files: Path, profile=None, profile_for=None, last=None):
    return choose_profile([TABLE, *files], profile=profile, profile_for=profile_for, last=last).profile


def escalated(profile: str, *, oom: bool = True) -> LastAttempt:
    return LastAttempt(profile=profile, oom=oom, escalate=True)


def fallen(profile: str, *, escalate: bool = False, **how) -> LastAttempt:
    return LastAttempt(profile=profile, fallback=True, escalate=escalate, **how)


def refusal(*files: Path, **options: str) -> str:
    with pytest.raises(RenderError) as error:
        choose(*files, **options)
    assert error.value.status == 65
    return str(error.value)


def test_profiles_that_dags_use_exist():
    kinds = ["cpu-small", "cpu-large", "highmem", "gpu-l4"]
    assert {*kinds, *(f"{kind}-spot" for kind in kinds)} <= {*NAMES}


def test_the_comment_of_the_table_documents_exactly_the_existing_fields():
    head = TABLE.read_text().partition("\nprofiles:")[0]
    assert sorted(FIELDS) == sorted(
        line.split()[1] for line in head.splitlines() if line.startswith("#   ") and line[4] != " "
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_profile_has_every_field_and_a_memory_limit_equal_to_the_request(name):
    profile = choose(profile=name)
    assert profile["name"] == name
    assert profile.keys() == NO_PROFILE.keys()
    assert profile["resources"]["limits"]["memory"] == profile["resources"]["requests"]["memory"]


def test_without_a_profile_every_field_is_empty():
    assert choose() == NO_PROFILE
    assert not any(NO_PROFILE.values())


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-spot")])
def test_a_spot_profile_requests_spot_nodes_and_the_same_resources(name):
    spot, plain = choose(profile=name), choose(profile=name.removesuffix("-spot"))
    assert spot["resources"] == plain["resources"]
    assert spot["node_selector"] == {**plain["node_selector"], "cloud.google.com/gke-spot": "true"}
    assert spot["tolerations"] == [*plain["tolerations"], SPOT]


@pytest.mark.parametrize("field", ["compute_class: c", "flex_start: true", "reservation: {name: r}"])
def test_a_profile_with_another_source_of_nodes_has_no_spot_profile(table, field):
    file = table(f"{{p: {{{field}}}}}")
    what = f"{file}: profile p has {field.partition(':')[0]}, which cannot be combined with spot nodes"
    assert refusal(file, profile="p-spot") == f"{what}; use it without -spot"


def test_the_error_for_an_unknown_profile_lists_the_known_ones():
    assert refusal(profile="huge") == (
        f"unknown profile 'huge'; use one of: {', '.join(PLAIN)}, or NAME-spot for spot nodes"
    )
    assert refusal(profile="huge-spot").startswith("unknown profile 'huge-spot'; use one of: cpu-small, ")


def test_a_team_adds_and_replaces_profiles_and_tables_by_name(table):
    file = table("{mine: {max_run_seconds: 1}, cpu-small: {max_run_seconds: 2}}", "{rows: [{profile: mine}]}")
    assert choose(file, profile="mine")["max_run_seconds"] == 1
    assert choose(file, profile="mine-spot")["tolerations"] == [SPOT]
    assert choose(file, profile="cpu-small")["resources"] == {}
    assert choose(file, profile="cpu-large") == choose(profile="cpu-large")
    assert choose(file, profile_for="rows=5")["name"] == "mine"
    assert choose(file, profile_for="bytes=1")["name"] == "cpu-small"


@pytest.mark.parametrize(
    ("size", "name"),
    [
        ("0", "cpu-small"),
        ("250000000", "cpu-small"),
        ("250000000.0", "cpu-small"),
        ("250000001", "cpu-large"),
        ("25G", "highmem"),
        ("24Gi", "highmem-large"),
        ("73000000000", "highmem-xlarge"),
    ],
)
def test_the_smallest_profile_that_fits_is_chosen(size, name):
    assert choose(profile_for=f"bytes={size}")["name"] == name


def test_a_size_that_fits_no_row_is_refused_unless_the_last_row_has_no_limit(table):
    what = f"{TABLE}: no profile is large enough for bytes=1T: the largest size is 150G; add a row to sizes, "
    assert refusal(profile_for="bytes=1T").startswith(what)
    file = table(sizes="{bytes: [{at_most: 1k, profile: cpu-small}, {profile: highmem-spot}]}")
    assert choose(file, profile_for="bytes=1T")["name"] == "highmem-spot"


def test_the_error_for_an_unknown_size_table_lists_the_known_ones():
    assert refusal(profile_for="rows=1") == "unknown size table 'rows'; use one of: bytes"


@pytest.mark.parametrize(
    "options", [{"profile_for": size} for size in ("bytes", "bytes=", "bytes=-1", "bytes=many", "bytes=1 G")]
)
def test_an_invalid_size_is_a_usage_error(options):
    with pytest.raises(RenderError, match=r"--profile-for is '.*', not TABLE=QUANTITY; write e.g. bytes=73G") as error:
        choose(**options)
    assert error.value.status == 64


def test_a_profile_by_name_and_by_size_is_a_usage_error():
    with pytest.raises(RenderError, match="both choose a profile; give one of them") as error:
        choose(profile="cpu-small", profile_for="bytes=1")
    assert error.value.status == 64


@pytest.mark.parametrize(
    ("last", "same", "larger"),
    [
        ("cpu-small", "cpu-small", "cpu-large"),
        ("highmem", "highmem", "highmem-large"),
        ("highmem-xlarge", "highmem-xlarge", "highmem-xlarge"),
        ("gpu-l4", "cpu-small", "cpu-small"),
        ("cpu-large-spot", "cpu-small", "cpu-small"),
        ("gone", "cpu-small", "cpu-small"),
    ],
)
def test_an_attempt_continues_from_the_last_one_if_next_leads_to_its_profile(last, same, larger):
    assert choose(profile="cpu-small", last=escalated(last, oom=False))["name"] == same
    assert choose(profile="cpu-small", last=escalated(last))["name"] == larger
    assert choose(profile_for="bytes=5", last=escalated(last))["name"] == larger


def test_the_next_profile_of_a_spot_profile_is_a_spot_profile():
    assert choose(profile="cpu-small-spot", last=escalated("cpu-large-spot"))["name"] == "highmem-spot"


def test_the_next_profile_of_a_spot_profile_may_have_a_compute_class(table):
    file = table("{small: {next: big}, big: {compute_class: c, next: biggest}, biggest: {}}")
    assert choose(file, profile="small-spot", last=escalated("small-spot"))["name"] == "big"
    assert choose(file, profile="small-spot", last=escalated("big"))["name"] == "biggest-spot"


FALLING = (
    "{a: {fallback: b, fallback_after: 2, next: b-large}, b: {next: b-large}, b-large: {fallback: c}, "
    "c: {compute_class: c, fallback: a}}"
)


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("b-spot", fallen("b-spot", lost=1), "b"),
        ("b-spot", fallen("b-spot", unscheduled=True), "b"),
        ("b-spot", fallen("b-spot"), "b-spot"),
        ("b-spot", fallen("b", lost=1), "b"),  # has no fallback
        ("b-spot", fallen("b"), "b"),  # and does not go back
        ("a", fallen("a", lost=1), "a"),  # not often enough
        ("a", fallen("a", lost=2), "b"),
        ("a", fallen("a", unscheduled=True), "b"),
        ("a-spot", fallen("a-spot", lost=1), "a-spot"),
        ("a-spot", fallen("a-spot", lost=2), "a"),
        ("a-spot", fallen("b", lost=1), "b"),
        ("b", fallen("b-spot", lost=1), "b"),  # another request
        ("b", fallen("b-large", unscheduled=True), "b"),  # which `next` leads to, without --escalate
        ("b", fallen("b-large", unscheduled=True, escalate=True), "c"),
        ("b", fallen("c", lost=1, escalate=True), "a"),  # in a circle
        ("b-spot", fallen("b-spot", oom=True, lost=1, escalate=True), "b-large-spot"),
        ("b-spot", fallen("b-large-spot", lost=1, escalate=True), "b-large"),
        ("b-spot", fallen("b-large-spot", oom=True, lost=1, escalate=True), "b-large"),  # there is no larger one
        ("b-spot", fallen("b-large-spot", oom=True, escalate=True), "b-large-spot"),
        ("b", fallen("unknown", lost=999_999), "b"),
        ("b", fallen("unknown-spot", unscheduled=9), "b"),
        ("b-spot", escalated("b"), "b-spot"),  # which `fallback` leads to, without --fallback
    ],
)
def test_the_fallback_follows_an_attempt_that_was_lost_or_got_no_nodes(table, first, last, name):
    assert choose(table(FALLING), profile=first, last=last)["name"] == name


def test_the_fallback_of_a_shipped_profile_is_in_the_file_of_a_team(table):
    file = table("{gpu-l4: {gpu: {type: nvidia-l4}, fallback: mine}, mine: {compute_class: c}}")
    assert choose(file, profile="gpu-l4-spot", last=fallen("gpu-l4-spot", lost=1))["name"] == "gpu-l4"
    assert choose(file, profile="gpu-l4-spot", last=fallen("gpu-l4", lost=1))["name"] == "mine"
    assert choose(profile="gpu-l4-spot", last=fallen("mine", lost=1))["name"] == "gpu-l4-spot"


def test_a_fallback_keeps_no_field_of_the_previous_machine(table):
    file = table("{p: {gpu: {type: nvidia-l4}, fallback: tpu-v5e-4}}")
    assert choose(file, profile="p", last=fallen("p", unscheduled=9)) == choose(profile="tpu-v5e-4")


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ("5", "is not a list of rows"),
        ("[]", "is not a list of rows"),
        ("[{at_most: 5}]", "has an invalid row 1"),
        ("[{at_most: many, profile: highmem}]", "has an invalid row 1"),
        ("[{at_least: 5, profile: highmem}]", "has an invalid row 1"),
        ("[{profile: highmem}, {profile: cpu-small}]", "has no at_most in row 1"),
        ("[{at_most: 5, profile: highmem}, {at_most: 5, profile: cpu-small}]", "is not in ascending order in row 2"),
        ("[{at_most: 1Gi, profile: highmem}, {at_most: 1G, profile: cpu-small}]", "is not in ascending order in row 2"),
    ],
)
def test_a_size_table_that_is_not_as_documented_is_refused(table, rows, what):
    file = table(sizes=f"{{t: {rows}}}")
    assert refusal(file, profile="cpu-small").startswith(f"{file}: size table t {what}; write rows ")


def test_a_size_table_with_an_unknown_profile_is_refused(table):
    file = table(sizes="{t: [{profile: huge}]}")
    assert refusal(file, profile="cpu-small").startswith(f"{file}: size table t: unknown profile 'huge'; use one of: ")


@pytest.mark.parametrize("content", ["- a", "", "cpu-small: {}", "profiles: {}\n---\nprofiles: {}\n"])
def test_a_file_that_is_not_a_table_is_refused(tmp_path, content):
    file = tmp_path / "team.yaml"
    file.write_text(content)
    what = "profiles have an invalid format" if content else "there are no profiles"
    fix = "give a mapping with the keys profiles, sizes, prices, or some of them"
    assert refusal(file, profile="cpu-small") == f"{file}: {what}; {fix}"


def test_the_error_for_a_missing_table_names_it(tmp_path):
    what = f"{tmp_path}/none.yaml: cannot read the profiles: No such file or directory; name a YAML file"
    assert refusal(tmp_path / "none.yaml", profile="a") == what


def test_a_table_that_is_not_utf_8_is_refused(tmp_path):
    file = tmp_path / "team.yaml"
    file.write_bytes(b"profiles: \xff")
    message = refusal(file, profile="a")
    assert message.startswith(
        f"{file}: cannot read the profiles: 'utf-8' codec can't decode byte 0xff in position 10: "
    )
    assert message.endswith("; save it as UTF-8")


def test_a_profile_with_half_of_a_surrogate_pair_is_refused_with_its_line(table):
    file = table('\n  odd: {cpu: "1", memory: "\\ud800"}')
    assert refusal(file, profile="odd").startswith(f"{file} line 2: text contains half of a surrogate pair; remove it")
