"""The kubelet's deletion of Pods with their logs and volumes, with the store."""

import asyncio
import os
import threading
from pathlib import Path

from localgke.bare_cluster import Cluster, main_container, on_cluster, until_file
from localgke.config import Image
from localgke.objects import PODS

IGNORING_SIGTERM = "trap '' TERM; echo ready; while :; do sleep 0.01; done"


@on_cluster()
async def test_a_deleted_pod_gets_sigterm_and_time_to_end(cluster: Cluster) -> None:
    script = "trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    cluster.pod("p", script, spec={"terminationGracePeriodSeconds": 600})
    await cluster.logged("p", "ready\n")
    cluster.change(PODS, "p", lambda pod: pod["metadata"].update(finalizers=["test/keep"]))
    cluster.delete(PODS, "p")
    state = main_container(await cluster.phase("p", "Succeeded"))["state"]["terminated"]
    assert state["exitCode"] == 0
    assert cluster.log("p") == "ready\nsaved\n"
    assert ("Killing", "Stopping container c") in cluster.events("p")
    cluster.change(PODS, "p", lambda pod: pod["metadata"].update(finalizers=[]))
    await cluster.gone(PODS, "p")


@on_cluster()
async def test_a_pod_that_ignores_sigterm_is_killed_after_its_grace_period(cluster: Cluster) -> None:
    cluster.pod("p", IGNORING_SIGTERM, spec={"terminationGracePeriodSeconds": 1})
    await cluster.logged("p", "ready\n")
    cluster.change(PODS, "p", lambda pod: pod["metadata"].update(finalizers=["test/keep"]))
    cluster.delete(PODS, "p")
    state = main_container(await cluster.phase("p", "Failed"))["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (137, "Error")


@on_cluster()
async def test_a_second_delete_can_shorten_the_grace_period(cluster: Cluster) -> None:
    cluster.pod("p", IGNORING_SIGTERM, spec={"terminationGracePeriodSeconds": 600})
    await cluster.logged("p", "ready\n")
    cluster.delete(PODS, "p")
    await cluster.until(lambda: ("Killing", "Stopping container c") in cluster.events("p"))
    cluster.delete(PODS, "p", grace=1)
    await cluster.gone(PODS, "p")


@on_cluster()
async def test_a_pod_that_never_started_can_be_deleted(cluster: Cluster) -> None:
    cluster.pod("p", "true", image="no-such:1")
    await cluster.waiting("p", "ImagePullBackOff")
    cluster.delete(PODS, "p")
    await cluster.gone(PODS, "p")


@on_cluster()
async def test_logs_and_volumes_are_removed_with_the_pod(cluster: Cluster) -> None:
    pod = cluster.pod("p", "echo out")
    await cluster.phase("p", "Succeeded")
    place = cluster.state / "logs" / pod["metadata"]["uid"]
    assert place.exists()
    cluster.delete(PODS, "p")
    await until_file(lambda: not place.exists())


def test_no_container_outlives_the_controllers(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"

    @on_cluster(images={"watched:1": Image("watched:1", {"/alive": fifo})})
    async def scenario(cluster: Cluster) -> None:
        cluster.pod("p", "exec 3> /alive; exec sleep 600", image="watched:1")
        await cluster.phase("p", "Running")
        await asyncio.to_thread(started.wait)

    os.mkfifo(fifo)
    started, ended = threading.Event(), threading.Event()

    def read() -> None:
        with fifo.open() as reader:  # until the container has opened it
            started.set()
            reader.read()  # until the container has ended
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    scenario(tmp_path)
    assert ended.wait(30)
