"""The status of a Pod and its containers, and the termination message."""

from pathlib import Path

import pytest

from localgke.podstatus import ContainerStatus, termination_message, write_status

LOG = b"2026-01-01T00:00:00.000000000Z stdout F first\n2026-01-01T00:00:00.000000001Z stderr F second\n"


@pytest.fixture
def container() -> ContainerStatus:
    return ContainerStatus({"name": "c", "image": "busybox"})


def ready(pod: dict) -> str:
    return next(c["status"] for c in pod["status"]["conditions"] if c["type"] == "Ready")


def test_a_container_waits_then_runs_then_has_ended(container: ContainerStatus) -> None:
    assert container.as_object()["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert not container.started
    container.run()
    assert container.started
    assert container.exit_code is None
    container.end(3, "why")
    ended = container.as_object()["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "why")
    assert container.exit_code == 3


def test_a_restarted_container_keeps_its_last_state(container: ContainerStatus) -> None:
    container.run()
    container.end(0, "")
    container.run()
    status = container.as_object()
    assert "running" in status["state"]
    assert status["lastState"]["terminated"]["reason"] == "Completed"


def test_a_pod_is_ready_while_its_containers_run(container: ContainerStatus) -> None:
    pod: dict = {"status": {}}
    write_status(pod, "Pending", [container])
    assert ready(pod) == "False"
    container.run()
    write_status(pod, "Running", [container])
    assert ready(pod) == "True"
    container.end(0, "")
    write_status(pod, "Succeeded", [container])
    assert ready(pod) == "False"


@pytest.mark.parametrize(
    ("policy", "failed", "written", "message"),
    [
        ("File", False, b"result", "result"),
        ("File", True, b"", ""),
        ("FallbackToLogsOnError", True, b"", "first\nsecond\n"),
        ("FallbackToLogsOnError", False, b"", ""),
        ("FallbackToLogsOnError", True, b"own", "own"),
        ("File", False, b"x" * 5000, "x" * 4096),
    ],
)
def test_the_message_is_the_termination_log_or_the_log_if_the_policy_allows(
    tmp_path: Path, policy: str, failed: bool, written: bytes, message: str
) -> None:
    file, log = tmp_path / "termination-log", tmp_path / "log"
    file.write_bytes(written)
    log.write_bytes(LOG)
    assert termination_message(file, policy, failed, log) == message
