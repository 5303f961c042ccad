"""The places of the scripts."""

import pytest

from gke_job import paths


@pytest.fixture
def dags(tmp_path, monkeypatch):
    """A DAG folder, in a directory that may be a checkout."""
    folder = tmp_path / "dags"
    folder.mkdir()
    monkeypatch.setattr(paths, "DAGS", folder)
    return folder


def add_script(place):
    (place / "scripts").mkdir()
    (place / "scripts" / "run-job").touch(mode=0o400)
    return place / "scripts" / "run-job"


def test_in_a_checkout_the_scripts_are_next_to_the_dag_folder(dags):
    script = add_script(dags.parent)
    assert paths.script("run-job") == script


def test_in_a_bucket_the_scripts_are_in_the_dag_folder_and_take_precedence(dags):
    add_script(dags.parent)
    script = add_script(dags)
    assert paths.script("run-job") == script


def test_a_missing_script_is_an_error_that_names_both_places(dags):
    with pytest.raises(FileNotFoundError) as error:
        paths.script("run-job")
    assert str(error.value) == (
        f"run-job not found: neither {dags}/scripts/run-job nor {dags.parent}/scripts/run-job "
        "exists; copy it with deploy-dags"
    )


def test_this_checkout_has_the_scripts():
    assert paths.script("run-job").read_text().startswith("#!/usr/bin/env bash")


def test_the_version_is_that_of_the_checkout_and_in_a_release_its_name(dags):
    assert paths.version() == "of unknown version"
    add_script(dags.parent)
    (dags.parent / "scripts" / "VERSION").write_text("1.2.3\n")
    assert paths.version() == "1.2.3"
    (dags / "MANIFEST").touch()
    assert paths.version() == dags.name
