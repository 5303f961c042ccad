import json

import pytest

from faults.conftest import faults


def test_stop_leaves_nothing_and_the_cluster_continues_to_run(cluster, tmp_path):
    state = tmp_path / "state"
    started = faults("start", "--state", state, "--upstream", cluster.state)
    assert (started.returncode, started.stderr) == (0, "")
    for name in ("", "token", "kubeconfig", "server.key"):
        assert (state / name).stat().st_mode & 0o077 == 0, name
    assert faults("stop", "--state", state).returncode == 0
    assert not state.exists()
    assert cluster.run("kubectl", "get", "nodes").returncode == 0


def test_a_directory_where_no_cluster_runs_is_refused(tmp_path):
    done = faults("start", "--state", tmp_path / "state", "--upstream", tmp_path)
    assert (done.returncode, done.stderr) == (1, f"faults: {tmp_path} is not the state of a cluster that runs\n")
    assert not (tmp_path / "state").exists()


def test_an_invalid_fault_is_an_error_of_one_line_and_changes_nothing(proxy):
    proxy.set("read:status=500")
    done = faults("set", "--state", proxy.state, "read:drop", "read:brake")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "'read:brake' is not a fault" in done.stderr
    assert "InternalError" in proxy.kubectl("get", "jobs").stderr


def test_a_proxy_that_does_not_run_is_an_error_of_one_line(tmp_path):
    done = faults("set", "--state", tmp_path, "drop")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert str(tmp_path) in done.stderr


@pytest.mark.parametrize("arguments", [("set",), ("clear", "drop"), ("start",), ("stop", "--upstream", "x")])
def test_a_command_takes_its_own_arguments_only(tmp_path, arguments):
    done = faults(*arguments, "--state", tmp_path / "state")
    assert done.returncode == 2
    assert "start and serve take --upstream, set takes FAULTs, and nothing else does" in done.stderr


def test_count_returns_every_kind(proxy):
    counted = json.loads(faults("count", "--state", proxy.state).stdout)
    assert counted.keys() >= {"any", "read", "watch", "log", "write", "discovery", "struck"}
