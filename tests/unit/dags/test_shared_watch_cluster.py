"""One watch-jobs for many deferred tasks, on the stand-in."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from deferred_jobs import fired, kubectl, marked, scripts_named, suspended_jobs, trigger, until

from gke_job import shared_watch

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_hundred_triggers_share_one_process_and_survive_its_kill(on_stand_in, mark):
    uids = suspended_jobs("hundred", 100)

    async def main():
        waits = [asyncio.ensure_future(fired(trigger("hundred", uid))) for uid in uids]
        await until(lambda: [len(watch.job_statuses) for watch in shared_watch._watches.values()] == [100])
        assert len(marked(mark)) == 3  # bash, Python, kubectl
        (watcher,) = scripts_named("watch-jobs", mark)
        os.kill(watcher, signal.SIGKILL)
        await until(lambda: scripts_named("watch-jobs", mark) not in ([], [watcher]))
        deleting = await asyncio.create_subprocess_exec(
            "kubectl", "delete", "jobs", "--all", "--wait=false", "--namespace", "hundred", stdout=subprocess.DEVNULL
        )
        assert await asyncio.gather(*waits) == [["gone"]] * 100
        await deleting.wait()
        await until(lambda: not marked(mark))

    asyncio.run(main())


@pytest.fixture
def proxy(on_stand_in, cluster, tmp_path, monkeypatch):
    """A proxy between this test and the API server; returns a function that sets or clears faults."""

    def faults(verb, *words):
        subprocess.run([sys.executable, "-m", "faults", verb, "--state", tmp_path / "faults", *words], check=True)

    faults("start", "--upstream", cluster.state)
    lines = (tmp_path / "faults" / "env").read_text().splitlines()
    for line in lines:
        name, value = line.removeprefix("export ").split("=", 1)
        monkeypatch.setenv(name, value)
    yield faults
    faults("stop")


def test_the_watch_waits_while_the_api_server_is_temporarily_unreachable(proxy):
    (uid,) = suspended_jobs("away", 1)

    async def main():
        wait = asyncio.ensure_future(fired(trigger("away", uid, limits={"unreachable_timeout": 600})))
        await until(lambda: any(watch.synced_at for watch in shared_watch._watches.values()))
        (watch,) = shared_watch._watches.values()
        await asyncio.to_thread(proxy, "set", "refuse")
        await until(lambda: watch.unreachable_since)
        assert watch.last_error
        await asyncio.to_thread(proxy, "clear")
        await until(lambda: watch.synced_at)
        await asyncio.to_thread(kubectl, "delete", "job", "job-0", "--namespace", "away")
        assert await wait == ["gone"]

    asyncio.run(main())


def test_an_api_server_that_remains_unreachable_ends_the_wait(proxy):
    (uid,) = suspended_jobs("lost", 1)

    async def main():
        wait = asyncio.ensure_future(fired(trigger("lost", uid, limits={"unreachable_timeout": 0.5})))
        await until(lambda: any(watch.synced_at for watch in shared_watch._watches.values()) or wait.done())
        await asyncio.to_thread(proxy, "set", "refuse")
        assert await wait == ["unreachable"]

    asyncio.run(main())


TRIGGERER = """
import asyncio, sys
from gke_job.trigger import GkeJobTrigger

async def main():
    one = GkeJobTrigger(cluster={}, namespace=sys.argv[1], job="train", uid=sys.argv[2], airflow_environment="test")
    async for _ in one.run():
        pass

asyncio.run(main())
"""


def test_a_triggerer_that_is_killed_leaves_no_process(on_stand_in, mark):
    (uid,) = suspended_jobs("killed", 1)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "dags")}
    triggerer = subprocess.Popen([sys.executable, "-c", TRIGGERER, "killed", uid], env=environment)

    async def main():
        await until(lambda: len(marked(mark)) == 4)  # with bash, Python and kubectl
        triggerer.kill()
        triggerer.wait()
        await until(lambda: not marked(mark))

    asyncio.run(main())
