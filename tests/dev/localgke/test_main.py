import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from localgke.conftest import TESTS, localgke
from polling import wait_until


def process_of(state: Path) -> int:
    return int((state / "pid").read_text())


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_servers_run_side_by_side_and_stop_leaves_nothing(tmp_path):
    states = [tmp_path / "a", tmp_path / "deep" / "b"]
    for state in states:
        assert localgke("start", "--state", state).returncode == 0
    pids = [process_of(state) for state in states]
    assert len({(state / "kubeconfig").read_text() for state in states}) == 2
    for state in states:
        stopped = localgke("stop", "--state", state)
        assert (stopped.returncode, stopped.stderr) == (0, "")
    assert not any(map(lives, pids))
    assert not any(state.exists() for state in states)


def test_stopping_a_server_that_does_not_run_is_no_error(tmp_path):
    assert localgke("stop", "--state", tmp_path / "none").returncode == 0


@pytest.mark.parametrize("command", ["start", "serve"])
def test_a_directory_that_is_not_empty_is_refused(tmp_path, command):
    (tmp_path / "precious").write_text("data")
    done = localgke(command, "--state", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path} is not empty" in done.stderr
    assert localgke("stop", "--state", tmp_path).returncode == 1
    assert (tmp_path / "precious").read_text() == "data"


def test_a_wrong_config_is_an_error_of_one_line_and_leaves_nothing(tmp_path):
    file = tmp_path / "cluster.yaml"
    file.write_text("project: 1\n")
    done = localgke("start", "--state", tmp_path / "state", "--config", file)
    assert done.returncode == 1
    assert done.stderr == f"localgke: {file}: location is missing\n"
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_in_the_foreground_cleans_up_on_a_signal(tmp_path, number):
    state = tmp_path / "state"
    command = [sys.executable, "-m", "localgke", "serve", "--state", str(state)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}) as server:
        wait_until((state / "ready").exists)
        server.send_signal(number)
        assert server.wait(10) == 0
    assert not state.exists()


def test_stop_reports_a_server_that_had_ended_before_and_removes_its_files(tmp_path):
    state = tmp_path / "state"
    assert localgke("start", "--state", state).returncode == 0
    pid = process_of(state)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not lives(pid))
    done = localgke("stop", "--state", state)
    assert done.returncode == 1
    assert "had ended by itself" in done.stderr
    assert not state.exists()
