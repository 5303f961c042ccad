"""Free space, and memory for waiting tasks."""

from __future__ import annotations

import pytest

from gke_jobs.preflight import worker

MIB = worker.MIB


def test_there_is_room_here(tmp_path):
    assert worker.check_space(str(tmp_path)).state == "ok"


def test_a_directory_that_is_not_there():
    assert worker.check_space("/nonexistent").state == "failed"


@pytest.mark.parametrize(("free", "state"), [(10, "failed"), (MIB, "warning"), (worker.ROOM, "ok")])
def test_little_room(monkeypatch, free, state):
    class Found:
        f_bavail, f_frsize = free, 1

    monkeypatch.setattr(worker.os, "statvfs", lambda directory: Found)
    assert worker.check_space("/tmp").state == state


def test_the_limit_of_a_container_counts_where_it_is_smaller(monkeypatch, tmp_path):
    small, none = tmp_path / "small", tmp_path / "none"
    small.write_text(f"{512 * MIB}\n")
    none.write_text("max\n")
    monkeypatch.setattr(worker, "LIMITS", (none, tmp_path / "missing"))
    of_machine = worker.memory_limit()
    monkeypatch.setattr(worker, "LIMITS", (none, small))
    assert worker.memory_limit() == 512 * MIB < of_machine


def test_memory_for_each_slot():
    assert worker.check_memory(2048 * MIB, 12).state == "ok"
    found = worker.check_memory(1024 * MIB, 16)
    assert found.state == "warning"
    assert "worker_concurrency to 12 or less" in found.fix
