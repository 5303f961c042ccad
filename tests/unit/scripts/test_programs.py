"""The copies of the programs that GKE_JOB_TOOLS names."""

import os
import threading

import pytest

from gke_jobs.access import programs
from gke_jobs.messages import ScriptError


@pytest.fixture
def source(tmp_path):
    directory = tmp_path / "tools"
    directory.mkdir()
    (directory / "kubectl").write_text("old")
    return directory


def changing(monkeypatch, source, times):
    """Has the program change while it is copied, so many times."""
    copied = []
    copyfile = programs.shutil.copyfile

    def copy(old, new):
        copyfile(old, new)
        copied.append(new)
        if len(copied) <= times:
            (source / "kubectl").write_text("new" * len(copied) + "!")

    monkeypatch.setattr(programs.shutil, "copyfile", copy)
    return copied


def test_a_program_that_changes_while_it_is_copied_is_copied_again(tmp_path, source, monkeypatch):
    changing(monkeypatch, source, 2)
    place = programs.copy_all(source, tmp_path / "cache")
    assert (place / "kubectl").read_text() == "newnew!"


def test_a_program_that_always_changes_is_given_up(tmp_path, source, monkeypatch):
    copied = changing(monkeypatch, source, 9)
    with pytest.raises(ScriptError, match="kubectl changed while it was copied: try again after it is complete"):
        programs.copy_all(source, tmp_path / "cache")
    assert len(copied) == programs.TRIES
    assert not any(file.exists() for file in copied)


def test_what_a_killed_copy_has_left_is_removed(tmp_path, source):
    place = programs.copy_all(source, tmp_path / "cache")
    old, new = place / "kubectl.1", place / "kubectl.2"
    for file in (old, new):
        file.write_text("")
    os.utime(old, (0, 0))
    os.utime(place / "kubectl", (0, 0))
    programs.copy_all(source, tmp_path / "cache")
    assert (old.exists(), new.exists()) == (False, True)
    assert (place / "kubectl").read_text() == "old"


def test_of_starts_at_the_same_time_one_copies(tmp_path, source, monkeypatch):
    together = threading.Barrier(5)
    use_entry = programs.use_entry

    def arrive(*arguments):
        together.wait()
        return use_entry(*arguments)

    monkeypatch.setattr(programs, "use_entry", arrive)
    copied = changing(monkeypatch, source, 0)
    threads = [threading.Thread(target=programs.copy_all, args=(source, tmp_path / "cache")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(copied) == 1
