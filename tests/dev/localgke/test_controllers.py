"""The loop of all controllers: it ends with the error of a controller, and leaves no container."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from localgke import config, controllers, garbage
from localgke.bare_cluster import Cluster, pod_spec


def test_an_error_in_a_controller_ends_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_store: object) -> None:
        raise RuntimeError("garbage")

    monkeypatch.setattr(garbage, "sync", broken)
    cluster = Cluster(tmp_path, config.load())
    with pytest.raises(RuntimeError, match="garbage"):
        asyncio.run(controllers.run(cluster.store, cluster.config, tmp_path))


def test_no_container_outlives_the_loop(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, config.load())

    def children() -> list[str]:
        return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()

    async def main() -> list[str]:
        loop = asyncio.create_task(controllers.run(cluster.store, cluster.config, tmp_path))
        cluster.pod("p", "", spec=pod_spec("sleep 600", {}, None))
        await cluster.phase("p", "Running")
        running = children()
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop
        return running

    assert asyncio.run(main())
    assert children() == []
