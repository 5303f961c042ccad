"""What a deployment writes to a bucket and removes there."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gke_jobs.deployment import command, plan
from gke_jobs.deployment.deployed import Deployed, read_pointer, write_pointer
from gke_jobs.deployment.release import PATH, Release, damage, read_release

REPOSITORY = Path(__file__).resolve().parents[3]
TEMPLATE = (REPOSITORY / "scripts/lib/gke_job_pointer.py").read_text()
DAY = 86400
NAMES = [f"v1_0_0_{digit * 12}" for digit in "abcd"]
FILES = {"gke_job/.airflowignore": b"a", "gke_job/links.py": b"l", "gke_job/triggerer_path.py": b"t", "scripts/x": b"x"}


def release(name: str) -> Release:
    return Release(name, {**FILES, "scripts/name": name.encode()}, b"files\n")


class Bucket:
    """A bucket whose deployments are planned and carried out."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.deployed = Deployed()

    def deploy(self, name: str, *, now: int, **options) -> plan.Plan:
        chosen = plan.plan(plan.Request(now=now, **options), release(name), self.deployed, self.objects)
        self.objects |= {name: plan.md5(content) for name, content in chosen.uploads.items()}
        self.objects = {name: digest for name, digest in self.objects.items() if name not in chosen.removals}
        self.deployed = read_pointer(write_pointer(TEMPLATE, chosen.deployed))
        return chosen

    def use(self, name: str, *, now: int) -> None:
        self.deployed = plan.roll_back(plan.Request(now=now), name, self.deployed).deployed


def test_the_name_of_a_release_changes_with_each_byte_of_it_and_with_nothing_else(tmp_path):
    for part in ("dags", "scripts", "templates"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    name = read_release(REPOSITORY).name
    assert read_release(tmp_path).name == name
    (tmp_path / "dags/examples/sweep.py").write_text("")
    (tmp_path / "scripts/lib/__pycache__").mkdir(exist_ok=True)
    (tmp_path / "scripts/lib/__pycache__/x.pyc").write_text("")
    assert read_release(tmp_path).name == name
    with (tmp_path / "templates/role.yaml").open("a") as file:
        file.write(" ")
    assert read_release(tmp_path).name != name


def test_the_changelog_names_the_version():
    version = (REPOSITORY / "scripts/VERSION").read_text().strip()
    assert f"\n## {version}" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_the_first_release_is_taken_at_once_and_another_when_it_has_reached_all():
    bucket = Bucket()
    bucket.deploy(NAMES[0], now=1000)
    assert bucket.deployed.releases == {NAMES[0]: 0}
    bucket.deploy(NAMES[1], now=2000)
    assert bucket.deployed.releases == {NAMES[1]: 2000 + plan.SYNC_SECONDS, NAMES[0]: 0}
    assert bucket.deployed.retired == {}


def test_a_release_that_is_taken_now_stays_whatever_is_deployed_in_the_meantime():
    bucket = Bucket()
    for name, now in zip(NAMES, (1000, 2000, 2001, 2002), strict=True):
        bucket.deploy(name, now=now)
    assert [*bucket.deployed.releases] == [NAMES[3], NAMES[2], NAMES[1], NAMES[0]]
    bucket.deploy(NAMES[0], now=9000)
    assert [*bucket.deployed.releases] == [NAMES[0], NAMES[3]]
    assert [*bucket.deployed.retired] == [NAMES[2], NAMES[1]]


def test_the_time_until_a_release_is_taken_begins_when_all_is_copied():
    before = Deployed({NAMES[0]: 0})
    planned = before.with_release(NAMES[1], now=1000, since=1300)
    assert plan.start(planned, before, 9000) == Deployed({NAMES[1]: 9000 + plan.SYNC_SECONDS, NAMES[0]: 0})
    assert plan.start(planned, planned, 9000) == planned  # the same release again
    assert plan.start(before, Deployed(), 9000) == before  # at once


def test_the_same_release_again_changes_nothing():
    bucket = Bucket()
    bucket.deploy(NAMES[0], now=1000)
    before = bucket.deployed
    chosen = bucket.deploy(NAMES[0], now=2000)
    assert (chosen.uploads, chosen.removals, bucket.deployed) == ({}, [], before)


def test_what_a_deployment_that_was_broken_off_has_left_is_completed():
    bucket = Bucket()
    bucket.deploy(NAMES[0], now=1000)
    file = f"dags/gke_job_releases/{NAMES[0]}/scripts/x"
    del bucket.objects[file]
    assert [*bucket.deploy(NAMES[0], now=2000).uploads] == [file]


def test_going_back_is_at_once_and_going_forward_again_as_well():
    bucket = Bucket()
    bucket.deploy(NAMES[0], now=1000)
    bucket.deploy(NAMES[1], now=2000)
    bucket.use(NAMES[0], now=2100)
    assert [*bucket.deployed.releases.items()] == [(NAMES[0], 0), (NAMES[1], 2300)]
    bucket.use(NAMES[1], now=2400)
    assert [*bucket.deployed.releases.items()] == [(NAMES[1], 0), (NAMES[0], 0)]
    assert bucket.deployed.retired == {}


def test_the_release_that_was_taken_before_going_back_stays_as_the_other_one():
    bucket = Bucket()
    bucket.deployed = Deployed({NAMES[3]: 5000, NAMES[2]: 2000, NAMES[1]: 0}, {NAMES[0]: 2000})
    bucket.use(NAMES[0], now=3000)
    assert [*bucket.deployed.releases.items()] == [(NAMES[0], 0), (NAMES[2], 2000)]
    assert bucket.deployed.retired == {NAMES[3]: 3000, NAMES[1]: 3000}


@pytest.mark.parametrize(("written", "is_again"), [("10:00:01", False), ("10:00:00", False), ("09:59:59", True)])
def test_a_pointer_that_is_older_than_a_file_of_its_release_is_written_again(monkeypatch, tmp_path, written, is_again):
    real, request = read_release(REPOSITORY), plan.Request(now=1000)
    pointer = write_pointer(TEMPLATE, Deployed({real.name: 0}))
    uploads = {**plan.plan(request, real, Deployed(), {}).uploads, "dags/gke_job/__init__.py": pointer.encode()}
    times = dict.fromkeys(uploads, "10:00:00") | {"dags/gke_job/__init__.py": written}
    objects = [
        {
            "name": name,
            "md5_hash": plan.md5(content),
            "creation_time": f"2026-01-01T{times[name]}+0000",
            "generation": "7",
        }
        for name, content in uploads.items()
    ]
    for name in ("before", "to"):
        (tmp_path / name).mkdir()
    (tmp_path / "objects").write_text(json.dumps(objects))
    (tmp_path / "before/__init__.py").write_text(pointer)
    monkeypatch.setattr(command, "storage_time", lambda: 1767261700)
    line = ["--checkout", REPOSITORY, "--bucket", "gs://b", "--objects", tmp_path / "objects"]
    line += ["--before", tmp_path / "before", "--to", tmp_path / "to"]
    monkeypatch.setattr(command.sys, "argv", ["deployment", *map(str, line)])
    assert command.main() == 0
    assert {file.name for file in (tmp_path / "to").iterdir()} == (
        {"pointer", "generation"} if is_again else {"written"}
    )


def test_a_copy_of_a_release_lacks_no_file_and_differs_in_no_byte():
    real = read_release(REPOSITORY)
    assert damage(real.name, real.manifest, real.files) == []
    assert damage(real.name, real.manifest, {**real.files, "another": b""}) == []
    copy = {**real.files, "scripts/submit-job": real.files["scripts/submit-job"].swapcase()}
    del copy["scripts/run-job"]
    assert damage(real.name, real.manifest, copy) == ["scripts/run-job is missing", "scripts/submit-job differs"]


@pytest.mark.parametrize("manifest", [b"", b"\n", b"files\n", f"{'0' * 64}  ../../x\n\n".encode(), b"\xff"])
def test_a_list_of_files_that_is_none_is_refused(manifest):
    name = f"v1_0_0_{hashlib.sha256(manifest).hexdigest()[:12]}"
    with pytest.raises(ValueError, match="a line that is no hash and path"):
        damage(name, manifest, {})
    with pytest.raises(ValueError, match="its hash is not that"):
        damage(NAMES[0], manifest, {})


def test_a_release_is_removed_when_it_was_not_used_for_long_and_nothing_else_is():
    bucket = Bucket()
    bucket.deploy(NAMES[0], now=1000)
    bucket.deploy(NAMES[1], now=2000)
    bucket.deploy(NAMES[2], now=3000)  # the first is not taken any more
    theirs = {"dags/gke_job_releases/v9_9_9_eeeeeeeeeeee/scripts/x": "md5", "dags/gke_job_releases/README": "md5"}
    bucket.objects |= theirs
    assert bucket.deploy(NAMES[2], now=3000 + plan.KEPT_DAYS * DAY).removals == []
    chosen = bucket.deploy(NAMES[2], now=3001 + plan.KEPT_DAYS * DAY)
    assert {name.split("/")[2] for name in chosen.removals} == {NAMES[0]}
    assert [*bucket.deployed.retired] == [NAMES[0]]  # until its objects are gone: removing them may fail
    bucket.deploy(NAMES[2], now=3002 + plan.KEPT_DAYS * DAY)
    assert bucket.deployed.retired == {}
    assert theirs.items() <= bucket.objects.items()


@pytest.mark.parametrize(
    "path",
    [
        "*",
        "a?",
        "a[b]",
        "x\ngs://other/dags/theirs.py",
        "x\n",
        "x#1",
        "",
        "a/",
        "a//b",
        "../x",
        "a/..",
        "a b",
        "\u00e9",
    ],
)
def test_an_object_with_a_name_that_no_release_has_is_left(path):
    bucket = Bucket()
    for name, now in zip(NAMES, (1000, 2000, 3000), strict=False):
        bucket.deploy(name, now=now)
    stranger = f"dags/gke_job_releases/{NAMES[0]}/{path}"
    bucket.objects[stranger] = "md5"
    chosen = bucket.deploy(NAMES[2], now=3001 + plan.KEPT_DAYS * DAY)
    assert chosen.left == [stranger]
    assert f"dags/gke_job_releases/{NAMES[0]}/scripts/x" in chosen.removals
    assert stranger not in chosen.removals


def test_each_file_of_a_release_has_a_name_that_can_be_removed():
    assert all(PATH.fullmatch(path) for path in read_release(REPOSITORY).files)


def test_a_release_that_dags_use_is_not_removed_whatever_a_pointer_says_of_it():
    bucket = Bucket()
    bucket.deploy(NAMES[0], now=1000)
    bucket.deployed = replace(bucket.deployed, retired={NAMES[0]: 0})
    assert bucket.deploy(NAMES[0], now=9000 + plan.KEPT_DAYS * DAY).removals == []
    assert bucket.deployed == Deployed({NAMES[0]: 0})


def test_examples_are_removed_when_nobody_asks_for_them_but_not_a_changed_one():
    bucket = Bucket()
    chosen = bucket.deploy(NAMES[0], now=1000, examples={"a.py": b"a", "b.py": b"b"})
    assert "dags/gke_job_examples/a.py" in chosen.uploads
    assert bucket.deploy(NAMES[0], now=1001, examples={"b.py": b"b"}).removals == ["dags/gke_job_examples/a.py"]
    assert [*bucket.deployed.examples] == ["b.py", "a.py"]  # likewise
    bucket.objects["dags/gke_job_examples/b.py"] = "changed"
    assert bucket.deploy(NAMES[0], now=1002).removals == []
    assert bucket.deployed.examples == {}


def test_a_team_has_all_in_its_folder_but_the_plugins():
    request = {"prefix": "churn", "plugins": True, "examples": {"a.py": b"from gke_job import Training\n"}}
    uploads = Bucket().deploy(NAMES[0], now=1000, **request).uploads
    assert uploads["dags/churn/gke_job_examples/a.py"] == b"from churn.gke_job import Training\n"
    others = {name for name in uploads if not name.startswith("dags/churn/gke_job")}
    assert others == {"plugins/gke_job_links.py", "plugins/gke_job_triggerer_path.py"}


def test_what_changes_is_listed_by_file():
    bucket, request = Bucket(), plan.Request(now=2000)
    assert plan.differences(request, "", release(NAMES[0]), {}) == ["adds 5 files"]
    bucket.deploy(NAMES[0], now=1000)
    files = {**release(NAMES[0]).files, "scripts/x": b"other", "scripts/new": b"new"}
    del files["scripts/name"]
    after = replace(release(NAMES[1]), files=files)
    expected = ["removes scripts/name", "adds scripts/new", "changes scripts/x"]
    assert plan.differences(request, NAMES[0], after, bucket.objects) == expected


def test_the_package_of_a_deployment_without_releases_is_no_pointer():
    assert read_pointer((REPOSITORY / "dags/gke_job/__init__.py").read_text()) == Deployed()


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        '{"releases": {"../x": 0}, "retired": {}, "examples": {}}',
        '{"releases": {}, "retired": {"v1_0_0_aaaaaaaaaaaa/..": 0}, "examples": {}}',
        '{"releases": {"v1_0_0_aaaaaaaaaaaa": "0"}, "retired": {}, "examples": {}}',
        '{"releases": {"v1_0_0_aaaaaaaaaaaa": -1}, "retired": {}, "examples": {}}',
        '{"releases": {"v1_0_0_aaaaaaaaaaaa": true}, "retired": {}, "examples": {}}',
        '{"releases": {"v1_0_0_aaaaaaaaaaaa": 99999999999999}, "retired": {}, "examples": {}}',
        f'{{"releases": {{"v1_0_0_aaaaaaaaaaaa": {"9" * 5000}}}, "retired": {{}}, "examples": {{}}}}',
        '{"releases": {}, "retired": {"v1_0_0_aaaaaaaaaaaa": 1e400}, "examples": {}}',
        '{"releases": {}, "retired": {}, "examples": {"../../other.py": "md5"}}',
        "{'releases': {}}",
        '{"releases": {}, "retired": {}, "examples": {}}\r',
        '{"releases": {},\n "retired": {}, "examples": {}}',
        f"""{{"releases": {"[" * 200_000}{"]" * 200_000}}}""",
    ],
)
def test_a_pointer_that_was_changed_by_hand_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        read_pointer(f"DEPLOYED: dict[str, Any] = {line}\n")
