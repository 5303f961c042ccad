import asyncio

import pytest

from localgke import config, controllers, server


def test_the_error_of_a_controller_ends_the_server(tmp_path, monkeypatch):
    async def dies(*_):
        raise ValueError("a loop died")

    monkeypatch.setattr(controllers, "run", dies)
    with pytest.raises(ValueError, match="a loop died"):
        asyncio.run(server.serve(config.load(), tmp_path))
    assert not (tmp_path / "env").exists()


def test_controllers_that_end_unexpectedly_end_the_server_with_an_error(tmp_path, monkeypatch):
    async def ends(*_):
        pass

    monkeypatch.setattr(controllers, "run", ends)
    with pytest.raises(RuntimeError, match="the controllers ended unexpectedly"):
        asyncio.run(server.serve(config.load(), tmp_path))


def test_the_namespaces_of_the_file_are_active(cluster):
    got = cluster.run("kubectl", "get", "namespaces", "--no-headers")
    assert [line.split()[:2] for line in got.stdout.splitlines()] == [
        ["default", "Active"],
        ["kube-system", "Active"],
        ["ml-jobs", "Active"],
    ]


def test_credentials_are_readable_only_by_their_owner(cluster):
    for name in ("", "token", "kubeconfig", "server.key"):
        assert (cluster.state / name).stat().st_mode & 0o077 == 0, name
